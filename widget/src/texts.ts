/** The widget's own words. A language is one file in texts/ and one line below. */

import { en } from "./texts/en";

export interface Texts {
  previous: string;
  next: string;
  was: string;
  now: string;
  /** The title of a placement that has none of its own. */
  title: string;
  titles: Record<string, string>;
}

const languages: Record<string, Texts> = { en };

/** The words in the language of the page ("de-AT" reads "de"), or in English. */
export function textsFor(language: string): Texts {
  return languages[language.toLowerCase().split(/[-_]/)[0] ?? ""] ?? en;
}

/** The language that an element is in, as BCP 47 writes it. */
export function languageOf(element: Element): string {
  return element.closest("[lang]")?.getAttribute("lang") || navigator.language;
}
