/** What the script tag says: whose shop this is, and where Vitrina answers. */
export interface Script {
  /** The shop's publishable key. */
  key: string;
  /** The address of the API, without a slash at the end. */
  api: string;
}

/** Reads the tag that loaded this script; to be called while the script runs for the first time. */
export function readScript(): Script | null {
  const running = document.currentScript as HTMLScriptElement | null;
  const tag = running?.dataset.key ? running : document.querySelector<HTMLScriptElement>("script[data-key][src]");
  if (!tag?.dataset.key) return null;
  try {
    const api = new URL(tag.dataset.api || new URL(tag.src).origin, document.baseURI);
    return { key: tag.dataset.key, api: api.href.replace(/\/$/, "") };
  } catch {
    return null;
  }
}

/** The address of a call. The key stays in the query so that a text/plain body needs no CORS preflight. */
export function addressOf(script: Script, path: string): string {
  return `${script.api}/v1/${path}?key=${encodeURIComponent(script.key)}`;
}
