/** One product: image, title, price and the reason why it is shown. */

import { make } from "./elements";
import { safeUrl } from "./links";
import { formatPrice } from "./prices";
import type { Item } from "./recommendations";
import type { Texts } from "./texts";

/** The parts of a card, in order. Without an item they are empty and keep their size: the skeleton. */
export function createCard(item: Item | null, language: string, texts: Texts): HTMLElement[] {
  const url = safeUrl(item?.url);
  return [
    createImage(item),
    make(
      "div",
      "text",
      {},
      make(url ? "a" : "span", "title", url ? { href: url } : {}, item?.title ?? ""),
      make("span", "price", {}, ...(item ? createPrice(item, language, texts) : [])),
      make("span", "reason", {}, item?.reason?.text ?? ""),
    ),
  ];
}

function createImage(item: Item | null): HTMLElement {
  const box = make("span", "image");
  if (!item) return box;
  const address = safeUrl(item.image_url);
  if (!address) return showInitials(box, item);
  // The title stands beside the image as text: a second reading of it would only be in the way
  const image = make("img", "photo", { alt: "", width: 400, height: 500, decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => showInitials(box, item), { once: true });
  image.src = address;
  box.append(image);
  return box;
}

/** A product without a picture shows its initials on a tile whose tint is its own. */
function showInitials(box: HTMLElement, item: Item): HTMLElement {
  const words = item.title.match(/[\p{L}\p{N}]+/gu) ?? [];
  const initials = words.slice(0, 2).map((word) => [...word][0]);
  // Drawn by the stylesheet from the attribute: not text to be read, found or translated
  const tile = make("span", "initials", { "data-initials": initials.join("").toUpperCase(), "aria-hidden": true });
  tile.style.setProperty("--vitrina-hue", String(hueOf(item.item_id)));
  box.replaceChildren(tile);
  return box;
}

function hueOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + character.charCodeAt(0)) >>> 0;
  return Math.round(hash * 137.5) % 360; // the golden angle: neighbouring ids get tints far apart
}

function createPrice(item: Item, language: string, texts: Texts): (Node | string)[] {
  const { price, sale_price: sale } = item;
  if (price == null) return [];
  const show = (amount: number) => formatPrice(amount, item.currency ?? undefined, language);
  if (!sale || sale >= price) return [show(price)];
  return [
    make("span", "hidden", {}, `${texts.now} `),
    make("span", "sale", {}, show(sale)),
    make("span", "hidden", {}, `, ${texts.was} `),
    make("s", "was", {}, show(price)),
  ];
}
