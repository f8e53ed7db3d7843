/** The same picture in several widths, so that a phone does not load a poster. */

import { safeUrl } from "./links";

const SHOPIFY = /\/cdn(\.shopify\.com|\/shop)\//;

/** The `srcset` by the shop's pattern, such as `https://img.example/{width}?of={url}`; Shopify's is built in. */
export function sourcesOf(address: string, pattern: string | null): string {
  const way = pattern || (SHOPIFY.test(address) && `{url}${address.includes("?") ? "&" : "?"}width={width}`);
  if (!way) return "";
  const written = (width: number) => way.replace("{width}", `${width}`).replace("{url}", () => address);
  return [200, 400, 600, 800].map((width) => `${safeUrl(written(width))} ${width}w`).join();
}
