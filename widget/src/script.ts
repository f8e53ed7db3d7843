import { safeUrl } from "./links";

/** What the script tag says: whose shop this is, and where Vitrina answers. */
export interface Script {
  /** The shop's publishable key. */
  key: string;
  /** The address of the API, without a slash at the end. */
  api: string;
  /** Not `data-consent="denied"`: what holds until the shopper has answered. */
  consent: boolean;
  /** `data-layer`: the name of the shop's data layer; `off` leaves it alone. */
  dataLayer: string;
  /** Not `data-auto="off"`: whether views and carts are told by what the page looks like. */
  automatic: boolean;
}

/** Reads the tag that loaded this script; to be called while the script runs for the first time. */
export function readScript(): Script | null {
  const running = document.currentScript as HTMLScriptElement | null;
  const tag = running?.dataset.key ? running : document.querySelector<HTMLScriptElement>("script[data-key][src]");
  const { key = "", api, consent, layer, auto } = tag?.dataset ?? {};
  return key ? scriptOf(key, api || new URL(tag!.src).origin, consent, layer, auto !== "off") : null;
}

/** The same from code; null where the address is none. */
export function scriptOf(key: string, api: string, consent?: string, dataLayer = "dataLayer", automatic = true): Script | null {
  const address = safeUrl(api).replace(/\/$/, "");
  return address ? { key, api: address, consent: consent !== "denied", dataLayer, automatic } : null;
}

/** The address of a call. The key stays in the query so that a text/plain body needs no CORS preflight. */
export function addressOf(script: Script, path: string): string {
  return `${script.api}/v1/${path}?key=${encodeURIComponent(script.key)}`;
}
