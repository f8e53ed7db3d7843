/**
 * A titled list of products. It starts as a skeleton of its final size; `fill` puts products into its places and may be
 * called again: a place whose product stays is left alone, so that nothing jumps and no image loads twice.
 */

import { createCard } from "./card";
import { tieButtons } from "./carousel";
import { make } from "./elements";
import { watchSeen } from "./impressions";
import type { Answer } from "./recommendations";
import type { Texts } from "./texts";

export interface ListOptions {
  heading: string;
  layout: "carousel" | "grid";
  limit: number;
  language: string;
  texts: Texts;
  /** Items were clicked or seen: their places in the answer that was shown at that moment. */
  onEvent(type: "select_item" | "view_item_list", answer: Answer, places: number[]): void;
}

export interface List {
  root: HTMLElement;
  fill(answer: Answer): void;
  stop(): void;
}

let count = 0;

export function createList(options: ListOptions): List {
  const { language, texts } = options;
  const name = `vitrina-heading-${++count}`;
  // role: browsers take the list's meaning away with its bullets
  const row = make("ul", "items", { role: "list" });
  const buttons = make("div", "buttons");
  const header = make("div", "header", {}, make("h2", "heading", { id: name }, options.heading), buttons);
  const root = make("section", options.layout, { "aria-labelledby": name, "aria-busy": true }, header, row);
  let shown: Answer | null = null;
  let stopWatching = () => {};
  let untie = () => {};

  if (options.layout === "carousel") {
    const button = (way: "previous" | "next") =>
      make("button", way, { type: "button", "aria-label": texts[way], "aria-disabled": true });
    buttons.append(button("previous"), button("next"));
    untie = tieButtons(row, buttons);
  }
  for (let place = 0; place < options.limit; place++) {
    row.append(make("li", "skeleton", { "aria-hidden": true }, ...createCard(null, language, texts)));
  }
  for (const click of ["click", "auxclick"]) row.addEventListener(click, clicked as EventListener);

  function clicked({ target, button }: MouseEvent): void {
    const card = button < 2 && target instanceof Element && target.closest("a") && target.closest("li");
    if (card && shown) options.onEvent("select_item", shown, [[...row.children].indexOf(card)]);
  }

  function fill(answer: Answer): void {
    stopWatching();
    const { items } = answer;
    const before = shown?.items ?? [];
    const focused = root.contains(document.activeElement) ? document.activeElement?.closest("li") : null;
    items.forEach((item, place) => {
      const card = row.children[place] ?? row.appendChild(make("li", "skeleton"));
      if (JSON.stringify(item) === JSON.stringify(before[place])) return;
      card.className = `vitrina-item${item.item_id === before[place]?.item_id ? "" : " vitrina-new"}`;
      card.removeAttribute("aria-hidden");
      card.replaceChildren(...createCard(item, language, texts));
    });
    while (row.children.length > items.length) row.lastChild?.remove();
    shown = answer;
    root.removeAttribute("aria-busy");
    if (focused && !focused.contains(document.activeElement)) {
      focused.querySelector("a")?.focus({ preventScroll: true });
    }
    stopWatching = watchSeen([...row.children], (places) => options.onEvent("view_item_list", answer, places));
  }

  return { root, fill, stop: () => (stopWatching(), untie()) };
}
