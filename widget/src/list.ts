/**
 * A titled list of products. It starts as a skeleton of its final size; `fill` puts products into its places and may be
 * called again: a place whose product stays is left alone, so that nothing jumps and no image loads twice.
 */

import { type OnAttention, watchAttention } from "./attention";
import { type CardOptions, createCard } from "./card";
import { tieButtons } from "./carousel";
import { make } from "./elements";
import { onceAway } from "./nearness";
import type { Answer, Item } from "./recommendations";

export type Layout = "carousel" | "grid" | "list";

export interface ListOptions {
  heading: string;
  layout: Layout;
  limit: number;
  card: CardOptions;
  /** Items were clicked or seen: their places in the answer that was shown at that moment. */
  onAttention(type: Parameters<OnAttention>[0], answer: Answer, places: number[]): void;
}

export interface List {
  root: HTMLElement;
  /** Shows the answer, at most so many items of it for now; returns whether there are more, whose places are kept. */
  fill(answer: Answer, most: number): boolean;
  /** Takes it out of the page. */
  remove(): void;
}

let count = 0;

export function layoutOf(wanted: string | null): Layout {
  return wanted === "grid" || wanted === "list" ? wanted : "carousel";
}

export function createList({ heading, layout, limit, card, onAttention }: ListOptions): List {
  const { texts } = card;
  const name = `vitrina-heading-${++count}`;
  // role: browsers take the list's meaning away with its bullets
  const row = make("ul", "items", { role: "list", "aria-busy": true });
  const buttons = make("div", "buttons");
  const header = make("div", "header", {}, make("h2", "heading", { id: name }, heading), buttons);
  const root = make("section", layout, { "aria-labelledby": name }, header, row);
  const shown: Item[] = []; // by place
  let stopWatching = () => {};
  let untie = () => {};

  if (layout === "carousel") {
    for (const way of ["previous", "next"] as const) {
      buttons.append(make("button", way, { type: "button", "aria-label": texts[way], "aria-disabled": true }));
    }
    root.setAttribute("aria-roledescription", texts.carousel);
    untie = tieButtons(row, buttons);
  }
  const skeleton = make("li", "skeleton", { "aria-hidden": true }, ...createCard(null, card));
  // of a row only what is in view, for each card takes time; its height is that of any number. For widths see --card
  const places = layout === "carousel" ? Math.min(limit, 1 + innerWidth / 270) : limit;
  for (let place = 0; place < places; place++) row.append(skeleton.cloneNode(true));

  /** Takes the places away for which there are no products. */
  function trim(): void {
    while (row.children.length > shown.length) row.lastChild!.remove();
  }

  function fill(answer: Answer, most: number): boolean {
    stopWatching();
    const { items } = answer;
    const active = row.querySelector(":focus");
    const focused = active?.closest("li");
    items.slice(0, most).forEach((item, place) => {
      const before = shown[place];
      if (JSON.stringify(item) === JSON.stringify(before)) return;
      const one = row.children[place] ?? row.appendChild(make("li", "skeleton"));
      const kind = before?.item_id === item.item_id ? "item" : "item vitrina-new";
      one.className = `vitrina-${kind}`;
      one.setAttribute("part", "item");
      one.removeAttribute("aria-hidden");
      one.replaceChildren(...createCard(item, card));
      shown[place] = item;
    });
    if (!active?.isConnected) focused?.querySelector("a")?.focus({ preventScroll: true });
    shown.length = items.length;
    if (layout === "carousel") trim();
    else if (row.children[items.length]) onceAway(row, trim);
    setTimeout(() => row.onscroll?.(0 as never)); // the buttons see whether there is more to scroll to
    // what scrolls must be reachable without a mouse, even where no card is a link
    row.tabIndex = layout === "carousel" && !row.querySelector("a") ? 0 : -1;
    stopWatching = watchAttention([...row.children].slice(0, most), (type, places) => onAttention(type, answer, places));
    if (items.length > most) return true;
    row.removeAttribute("aria-busy");
    return false;
  }

  return { root, fill, remove: () => (stopWatching(), untie(), root.remove()) };
}
