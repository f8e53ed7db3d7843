/** The widget's own words. A language is one file in texts/ and one line below. */

import { de } from "./texts/de";
import { en } from "./texts/en";
import { es } from "./texts/es";
import { fr } from "./texts/fr";
import { pl } from "./texts/pl";
import { ru } from "./texts/ru";

export interface Texts {
  previous: string;
  next: string;
  was: string;
  now: string;
  /** What a screen reader calls the kind of thing. */
  carousel: string;
  /** Titles by placement; `product-page` also serves a placement that has none of its own. */
  titles: Record<string, string>;
}

/** By the first part of their BCP 47 name. */
export const languages: Record<string, Texts> = { __proto__: null!, de, en, es, fr, pl, ru };
let overriding: Partial<Texts> = {};

/** Words of the shop's own, which win in every language. */
export function overrideTexts(words: Partial<Texts>): void {
  overriding = words ?? {};
}

/** The words in the language of the page ("de-AT" and "deu" read "de"), or in English. */
export function textsFor(language: string): Texts {
  const texts = languages[language.slice(0, 2).toLowerCase()] ?? en;
  return { ...texts, ...overriding, titles: { ...texts.titles, ...overriding.titles } };
}

/** The language that an element is in, as BCP 47 writes it. */
export function languageOf(element: Element): string {
  return element.closest<HTMLElement>("[lang]")?.lang || navigator.language;
}
