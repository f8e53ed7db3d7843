import { expect, test } from "vitest";
import { formatPrice } from "../src/prices";

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

test.each([
  [19.9, "EUR", "en", "€19.90"],
  [19.9, "EUR", "de-DE", "19,90 €"],
  [1299, "USD", "en-US", "$1,299.00"],
  [1500, "JPY", "en", "¥1,500"],
  [1.5, "KWD", "en", "KWD 1.500"],
  [0, "EUR", "en", "€0.00"],
])("%d %s in %s reads %s", (price, currency, language, expected) => {
  expect(plain(formatPrice(price, currency, language))).toBe(expected);
});

test("a currency that is none leaves the number", () => {
  expect(formatPrice(19.9, "EURO", "en")).toBe("19.90");
  expect(formatPrice(19.9, undefined, "en")).toBe("19.90");
});

test("a language that is none falls back to the browser's", () => {
  expect(formatPrice(5, "EUR", "en_GB!")).toMatch(/5/);
});
