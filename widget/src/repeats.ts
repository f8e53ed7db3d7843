/**
 * The same thing told by several voices counts once: a product page tells its view by its structured data, by its
 * `dataLayer` and perhaps by the shop's own call.
 */

import type { Payload } from "./events";

/** Who told: the shop's code, its data layer, or what the page looks like. */
export type Voice = "shop" | "layer" | "page";

export type Told = (voice: Voice, type: string, payload: Payload) => Promise<boolean>;

const SAME_MS = 2000;

interface Last {
  voice: Voice;
  at: number;
  outcome: Promise<boolean>;
}

/** `pass` gets what is new; a repeat gets the outcome of the first. `forget` begins a new page. */
export function withoutRepeats(pass: (type: string, payload: Payload) => Promise<boolean>): {
  told: Told;
  forget(): void;
} {
  const earlier = new Map<string, Last>();
  return {
    told(voice, type, payload) {
      const key = [type, payload.transaction_id, ...idsOf(payload)].join("\n");
      const last = earlier.get(key);
      if (last && (type === "view_item" || (last.voice !== voice && Date.now() - last.at < SAME_MS))) return last.outcome;
      const outcome = pass(type, payload);
      earlier.set(key, { voice, at: Date.now(), outcome });
      return outcome;
    },
    forget: () => earlier.clear(),
  };
}

/** The items that an event is about. */
export function idsOf({ item_id, items }: Payload): string[] {
  const listed = [items ?? []].flat() as ({ item_id?: unknown } | null)[];
  return [item_id, ...listed.map((item) => item?.item_id)].filter((id) => id != null && id !== "").map(String);
}
