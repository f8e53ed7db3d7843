/** Tells by itself what shoppers do on a shop's pages: views of products, the cart, and what the data layer says. */

import { watchCarts } from "./carts";
import type { Consent } from "./consent";
import { watchDataLayer } from "./datalayer";
import { watchNavigation } from "./navigation";
import { pageItem } from "./page";
import type { Told } from "./repeats";
import type { Script } from "./script";

const SETTLE_MS = 400; // whoever leaves sooner has not looked; and the shop's own word for the view comes first

interface Watched {
  told: Told;
  consent: Consent;
  /** The page has become another one. */
  onNavigate(): void;
}

export function watchStorefront(script: Script, { told, consent, onNavigate }: Watched, stopped: AbortSignal): void {
  let timer = 0;

  function look(): void {
    const item_id = stopped.aborted ? "" : pageItem();
    if (item_id) void told("page", "view_item", { item_id });
  }

  function lookSoon(): void {
    clearTimeout(timer);
    timer = window.setTimeout(look, SETTLE_MS);
  }

  if (script.dataLayer !== "off") {
    const onEvent = (type: string, payload: object) => void told("layer", type, { ...payload });
    watchDataLayer(script.dataLayer, { onEvent, onConsent: consent.give }, stopped);
  }
  if (!script.automatic) return;
  watchCarts((payload) => void told("page", "add_to_cart", payload), stopped);
  watchNavigation(() => {
    onNavigate();
    lookSoon();
  }, stopped);
  whenShown(lookSoon, stopped);
}

/** Runs once the page is read, and really opened where the browser has prepared it beforehand. */
function whenShown(run: () => void, stopped: AbortSignal): void {
  const once = { once: true, signal: stopped };
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener("prerenderingchange", () => whenShown(run, stopped), once);
  } else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run, once);
  else run();
}
