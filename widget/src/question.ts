/** The attributes of an element as a question to the API. */

import { pageItem, text } from "./page";
import type { Question } from "./recommendations";
import { languageOf } from "./texts";

const LIMIT = 8;
const LIMIT_MOST = 100;
const IDS_MOST = 200; // what the API takes

export function questionOf(element: Element): Question {
  const read = (name: string) => element.getAttribute(name)?.trim() || "";
  let ids = [read("item-id"), ...read("item-ids").split(",")].map(text).filter(Boolean);
  const placement = read("placement") || (ids.length ? "product-page" : "home");
  // a theme's block often does not know the product; the page does
  if (!ids.length && placement === "product-page") ids = [pageItem()].filter(Boolean);
  const category = read("category");
  return {
    placement,
    item_id: ids.slice(0, IDS_MOST),
    limit: Math.min(Math.max(parseInt(read("limit")) || LIMIT, 1), LIMIT_MOST),
    lang: languageOf(element),
    ...(category && { category }),
  };
}
