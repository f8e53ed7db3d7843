/** Tells by itself what shoppers do on a shop's pages: views of products, the cart, and what the data layer says. */

import { watchCarts } from "./carts";
import type { Consent } from "./consent";
import { watchDataLayer } from "./datalayer";
import type { Payload } from "./events";
import { watchNavigation } from "./navigation";
import { pageItem } from "./page";
import { whenRead } from "./reading";
import type { Told } from "./repeats";
import type { Script } from "./script";

const SETTLE_MS = 400; // whoever leaves sooner has not looked; and the shop's own word for the view comes first
const LOOKS = 12; // a page that is drawn in the browser says after a while which product it shows, or after none

interface Watched {
  told: Told;
  consent: Consent;
  /** The page has become another one. */
  onNavigate(): void;
  /** Only now it says which product it shows. */
  onLate(): void;
}

export function watchStorefront(script: Script, { told, consent, onNavigate, onLate }: Watched, stopped: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let shown = ""; // the product of this page
  let before = ""; // and of a page before, as long as it may still stand there

  /** `looks`: how many there were already. */
  function look(looks: number): void {
    const item_id = pageItem();
    if (item_id !== before) before = "";
    if (item_id && !before) {
      shown = item_id;
      void told("page", "view_item", { item_id });
      if (looks) onLate(); // lists that go by the page have asked without it
    } else if (looks < LOOKS) lookSoon(looks + 1);
  }

  function lookSoon(looks: number): void {
    clearTimeout(timer);
    timer = setTimeout(look, SETTLE_MS, looks);
  }

  if (script.dataLayer !== "off") {
    const onEvent = (type: string, payload: Payload) => void told("layer", type, payload);
    watchDataLayer(script.dataLayer, { onEvent, onConsent: consent.give }, stopped);
  }
  if (!script.automatic) return;
  watchCarts((payload) => void told("page", "add_to_cart", payload), stopped);
  watchNavigation((back) => {
    before = back ? "" : shown || before;
    shown = "";
    onNavigate();
    lookSoon(1); // whatever was asked at this moment may have gone by the page before
  }, stopped);
  const begin = () => lookSoon(0);
  // a page that the browser has prepared is not looked at before it is really opened
  if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", begin);
  else whenRead(begin);
}
