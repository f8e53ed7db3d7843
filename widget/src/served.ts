/** A list that the shop's server has put into the page (`/v1/recommendations.html`): taken over as it stands. */

import type { Answer } from "./recommendations";

export function readServed(element: Element): { answer: Answer; cards: Element[] } | null {
  const list = element.querySelector<HTMLElement>("[data-recommendation-id]");
  const cards = [...(list?.querySelectorAll<HTMLElement>("[data-item-id]") ?? [])];
  if (!list || !cards.length) return null;
  const items = cards.map(({ dataset }) => ({ item_id: dataset.itemId!, title: "" }));
  return { cards, answer: { recommendation_id: list.dataset.recommendationId!, strategy: "", items } };
}
