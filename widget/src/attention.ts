/** What shoppers do with the cards of a list: which ones they really saw, and which one they chose. */

import { watchSeen } from "./impressions";

export type OnAttention = (type: "select_item" | "view_item_list", places: number[]) => void;

/** Watches the cards until the function it returns is called. */
export function watchAttention(cards: Element[], onAttention: OnAttention): () => void {
  const stopSeen = watchSeen(cards, (places) => onAttention("view_item_list", places));
  const stopping = new AbortController();
  const { signal } = stopping;
  cards.forEach((card, place) => {
    for (const kind of ["click", "auxclick"]) {
      const clicked = ({ target, button }: Event & { button?: number }) =>
        (target as Element).closest("a") && button! < 2 && onAttention("select_item", [place]);
      card.addEventListener(kind, clicked, { signal });
    }
  });
  return () => (stopping.abort(), stopSeen());
}
