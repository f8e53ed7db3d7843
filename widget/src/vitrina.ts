/**
 * `window.vitrina`: what a shop's own code calls. Calls made before the script has loaded are kept in an array,
 * `(window.vitrina = window.vitrina || []).push(["track", "view_item", { item_id: "SKU-1" }])`, and made up for here.
 */

import type { Answer as Consent } from "./consent";
import type { Payload } from "./events";
import type { Answer, Question } from "./recommendations";
import type { Texts } from "./texts";

export interface Vitrina {
  readonly version: string;
  /** Sends an event; the promise tells whether the server accepted it. A like or a cart change renews the lists. */
  track(type: string, payload?: Payload): Promise<boolean>;
  /** A list for code of the shop's own; null when there is none. Whoever shows it also tracks its clicks. */
  recommend(question?: Partial<Question>): Promise<Answer | null>;
  /** Names the shopper once known (the shop's own id), or forgets the name with null. */
  identify(shopperId: string | null): void;
  /** The shopper's answer. Without consent nothing is stored and no event is sent. */
  consent(answer: Consent): void;
  /** Other words than the built-in ones, for every list. */
  texts(words: Partial<Texts>): void;
  /** Asks for all lists of the page again. */
  refresh(): void;
  /** Takes everything away: lists, listeners, styles and what was stored. */
  remove(): void;
  /** Makes a call written as `[name, ...arguments]`. */
  push(...calls: Call[]): void;
}

/** `done`: where a stub in the page put it, gets the call's result. */
export type Call = [name: string, ...values: unknown[]] & { done?: (result: unknown) => void };

declare global {
  interface Window {
    vitrina?: Vitrina | Call[];
  }
}

export function createPush(vitrina: () => object): Vitrina["push"] {
  return (...calls) => {
    for (const call of calls) {
      try {
        const [name, ...values] = call;
        const result = (vitrina() as Record<string, (...values: unknown[]) => unknown>)[name]!(...values);
        call.done?.(result);
      } catch {
        // a call that is none, or fails, must not lose the others
      }
    }
  };
}
