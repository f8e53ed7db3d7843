import { expect, test } from "vitest";
import { languageOf, textsFor } from "../src/texts";
import { en } from "../src/texts/en";

test("an unknown language reads English", () => {
  expect(textsFor("xx-YY")).toBe(en);
  expect(textsFor("")).toBe(en);
});

test("a region or another spelling does not matter", () => {
  expect(textsFor("en-AU")).toBe(en);
  expect(textsFor("EN_us")).toBe(en);
});

test("every built-in placement has a title of its own", () => {
  const titles = ["home", "product-page", "cart", "category", "search-empty", "order-confirmation"].map(
    (placement) => en.titles[placement],
  );
  expect(new Set(titles).size).toBe(6);
  expect(titles).not.toContain(undefined);
});

test("the language is that of the nearest ancestor that names one", () => {
  document.body.innerHTML = '<div lang="fr"><p><b></b></p></div>';
  document.documentElement.lang = "de";
  expect(languageOf(document.querySelector("b")!)).toBe("fr");
  expect(languageOf(document.body)).toBe("de");
});
