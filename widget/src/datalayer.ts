/**
 * What a shop pushes to its `dataLayer` for Google: GA4 e-commerce events, as Tag Manager or gtag take them, and the
 * answers of its consent banner (Consent Mode).
 */

import type { Answer } from "./consent";
import type { Payload } from "./events";

const TYPES =
  /^(view_(item(_list)?|cart)|select_item|add_to_(wishlist|cart)|remove_from_cart|begin_checkout|purchase|refund|search)$/;
const FIELDS = ["currency", "value", "transaction_id", "search_term", "item_list_id"];
const ITEM_FIELDS = ["quantity", "price", "index"];

interface Heard {
  onEvent(type: string, payload: Payload): void;
  onConsent(answer: Answer): void;
}

/** Reads what is there already, and everything pushed from now on. */
export function watchDataLayer(name: string, { onEvent, onConsent }: Heard, stopped: AbortSignal): void {
  const page = window as unknown as Record<string, unknown[] | undefined>;
  const layer = (page[name] ??= []);
  if (!Array.isArray(layer)) return;
  [...layer].forEach(hear);
  const push = layer.push;
  layer.push = (...entries) => {
    if (!stopped.aborted) entries.forEach(hear);
    return push.apply(layer, entries);
  };

  function hear(entry: unknown): void {
    try {
      // gtag pushes its arguments: ["event", "purchase", {…}], ["consent", "update", {…}]
      const { 0: command, 1: type, 2: values } = entry as [unknown, string, Payload];
      if (command === "consent") return hearConsent(type, values);
      if (command === "event") return hearEvent(type, values);
      const { event, ecommerce } = entry as { event?: string; ecommerce?: Payload };
      if (event) hearEvent(event, { ...(entry as Payload), ...ecommerce });
    } catch {
      // whatever else is pushed there is none of our business
    }
  }

  function hearEvent(type: string, values: Payload = {}): void {
    if (!TYPES.test(type)) return;
    const items = (values.items as Payload[] | undefined)
      ?.filter(idOf) // for GA4 a name is enough
      .map((item) => ({ ...pick(item, ITEM_FIELDS), item_id: idOf(item) }));
    onEvent(type, { ...pick(values, FIELDS), ...(items?.length && { items }) });
  }

  function hearConsent(how: string, { analytics_storage: storage }: Payload): void {
    // one of several defaults may be meant for another region: they take consent away, and what follows gives it
    if (storage && (how === "update" || storage !== "granted")) onConsent(storage as Answer);
  }
}

function idOf({ item_id, id }: Payload): string {
  return String(item_id || id || ""); // numbers, in many shops
}

/** What is said of these. One empty or negative value would have the whole event refused. */
function pick(values: Payload, names: string[]): Payload {
  const said = names.filter((name) => /^[^-]/.test((values[name] ?? "") as string));
  return Object.fromEntries(said.map((name) => [name, values[name]]));
}
