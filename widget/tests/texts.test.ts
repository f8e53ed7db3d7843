import { afterEach, expect, test } from "vitest";
import { languageOf, overrideTexts, textsFor } from "../src/texts";
import { en } from "../src/texts/en";

afterEach(() => overrideTexts({}));

test.each([
  ["en", "You may also like"],
  ["de-AT", "Das könnte Ihnen auch gefallen"],
  ["deu", "Das könnte Ihnen auch gefallen"],
  ["fr_FR", "Vous aimerez aussi"],
  ["ES", "También te puede gustar"],
  ["pl", "Może Ci się też spodobać"],
  ["ru-RU", "Вам может понравиться"],
])("%s reads in its language", (language, title) => {
  expect(textsFor(language).titles["product-page"]).toBe(title);
});

test.each(["", "xx", "constructor", "__proto__"])("%j reads in English", (language) => {
  expect(textsFor(language)).toEqual(en);
});

test("a shop's own words win, the others stay", () => {
  overrideTexts({ next: "Onwards", titles: { home: "Picked for you" } });
  const texts = textsFor("de");
  expect([texts.next, texts.previous, texts.titles.home, texts.titles.cart]).toEqual([
    "Onwards",
    "Zurück",
    "Picked for you",
    "Passt zu Ihrem Warenkorb",
  ]);
});

test("an element reads in the language of what it stands in", () => {
  document.body.innerHTML = '<div lang="fr"><p></p></div>';
  expect(languageOf(document.querySelector("p")!)).toBe("fr");
});
