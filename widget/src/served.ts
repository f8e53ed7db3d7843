/** A list that the shop's server has put into the page (`/v1/recommendations.html`): taken over as it stands. */

import { type OnAttention, watchAttention } from "./attention";
import { tieButtons } from "./carousel";
import type { Shown } from "./recommendations";

/** Watches such a list, if there is one; `stop` ends that. */
export function takeOver(
  element: Element,
  onAttention: (type: Parameters<OnAttention>[0], answer: Shown, places: number[]) => void,
): { answer: Shown; stop(): void } | null {
  const list = element.querySelector<HTMLElement>("[data-recommendation-id]");
  const cards = [...(list?.querySelectorAll<HTMLElement>("[data-item-id]") ?? [])];
  if (!cards.length) return null;
  const items = cards.map(({ dataset }) => ({ item_id: dataset.itemId! }));
  const answer = { recommendation_id: list!.dataset.recommendationId!, items };
  const stopWatching = watchAttention(cards, (type, places) => onAttention(type, answer, places));
  const buttons = list!.querySelector<HTMLElement>(".vitrina-buttons:has(button)");
  const untie = buttons && tieButtons(list!.querySelector(".vitrina-items")!, buttons);
  return { answer, stop: () => (stopWatching(), untie?.()) };
}
