/**
 * Addresses from the catalog. Only http and https, absolute or relative to the page, ever reach an attribute:
 * `javascript:`, `data:` and what cannot be read become an empty string.
 */
export function safeUrl(address: unknown): string {
  if (typeof address !== "string" || !address) return "";
  try {
    const url = new URL(address, document.baseURI);
    return /^https?:$/.test(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}
