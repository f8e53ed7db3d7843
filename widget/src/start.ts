/** Puts the parts together: one shop on one page. */

import { createConsent } from "./consent";
import { createElementClass, elements, NAME } from "./element";
import { createEvents, type Payload } from "./events";
import { createIdentity } from "./identity";
import { createRecommend } from "./recommendations";
import { whenRead } from "./reading";
import { idsOf, withoutRepeats } from "./repeats";
import type { Script } from "./script";
import { watchStorefront } from "./storefront";
import { languageOf, overrideTexts } from "./texts";
import { createPush, type Vitrina } from "./vitrina";

declare const VERSION: string;

/** Events after which a shopper expects other recommendations on the page that is open. */
const PREFERENCES = /^(add_to|remove_from|not_interested)/;
const SEEN = /^(view_item$|select_item|add_to)/;
const MOST_SEEN = 20;

export function start(script: Script): Vitrina {
  const stopping = new AbortController();
  const stopped = stopping.signal;
  const consent = createConsent(script.consent, () => {
    if (!consent.granted()) forget();
    refresh();
  });
  const identity = createIdentity(consent.granted);
  const events = createEvents(script, identity, consent, stopped);
  const repeats = withoutRepeats(pass);
  let seen: string[] = []; // in this tab, newest last; never stored
  if (!consent.granted()) forget(); // an earlier visit may have left something

  const recommend = createRecommend(script, () => {
    if (!consent.granted()) return { consent: "denied", recent_item_id: seen };
    return identity.who();
  });

  function forget(): void {
    identity.forget();
    events.forget();
  }

  function refresh(): void {
    for (const element of elements) element.refresh();
  }

  async function pass(type: string, payload: Payload): Promise<boolean> {
    if (SEEN.test(type)) {
      const ids = idsOf(payload);
      seen = [...seen.filter((id) => !ids.includes(id)), ...ids].slice(-MOST_SEEN);
    }
    await new Promise<void>(whenRead); // until all have spoken who may forbid it, or say who is looking
    const accepted = await events.track(type, payload);
    if (PREFERENCES.test(type) && (accepted || !consent.granted())) refresh();
    return accepted;
  }

  const vitrina: Vitrina = {
    version: VERSION,
    track: (type, payload) => repeats.told("shop", type, payload ?? {}),
    recommend: ({ placement = "home", item_id = [], limit = 8, ...rest } = {}) =>
      recommend({ placement, item_id: [item_id].flat(), limit, lang: languageOf(document.body), ...rest }).catch(() => null),
    identify: (shopperId) => identity.identify(shopperId) && refresh(),
    consent: consent.give,
    texts(words) {
      overrideTexts(words);
      for (const element of elements) element.rebuild();
    },
    refresh,
    remove() {
      stopping.abort();
      for (const element of elements) element.retire();
      forget();
    },
    push: createPush(() => vitrina),
  };

  const early = window.vitrina;
  window.vitrina = vitrina;
  const onNavigate = () => (repeats.forget(), refresh());
  watchStorefront(script, { told: repeats.told, consent, onNavigate, onLate: refresh }, stopped);
  // before the first question, which should know who asks; and what is said of consent before all else
  if (Array.isArray(early)) vitrina.push(...early.filter((call) => call?.[0] === "consent"), ...early);
  customElements.define(NAME, createElementClass({ recommend, told: repeats.told, stopped }));
  return vitrina;
}
