/**
 * `window.vitrina`: what a shop's own code calls. Calls made before the script has loaded are kept in an array,
 * `(window.vitrina = window.vitrina || []).push(["track", "view_item", { item_id: "SKU-1" }])`, and made up for here.
 */

import type { Payload, Track } from "./events";
import type { Identity } from "./identity";

export interface Vitrina {
  /** Sends an event; the promise tells whether the server accepted it. A like or a cart change renews the lists. */
  track: Track;
  /** Names the shopper once known (the shop's own id), or forgets the name with null. */
  identify(shopperId: string | null): void;
  /** Asks for all lists of the page again. */
  refresh(): void;
  /** Makes a call written as `[name, ...arguments]`. */
  push(...calls: Call[]): void;
}

export type Call = [name: string, ...values: unknown[]];

/** Events after which a shopper expects other recommendations on the page that is open. */
const PREFERENCES = ["add_to_wishlist", "remove_from_wishlist", "not_interested", "add_to_cart", "remove_from_cart"];

export function createVitrina(track: Track, identity: Identity, refresh: () => void): Vitrina {
  const vitrina: Vitrina = {
    async track(type: string, payload?: Payload) {
      const accepted = await track(type, payload);
      if (accepted && PREFERENCES.includes(type)) refresh();
      return accepted;
    },
    identify(shopperId) {
      if (identity.identify(shopperId)) refresh();
    },
    refresh,
    push(...calls) {
      for (const [name, ...values] of calls) {
        const method = vitrina[name as keyof Vitrina] as ((...values: unknown[]) => unknown) | undefined;
        method?.(...values);
      }
    },
  };
  return vitrina;
}
