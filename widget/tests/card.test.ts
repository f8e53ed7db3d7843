import { expect, test } from "vitest";
import { type CardOptions, createCard } from "../src/card";
import type { Item } from "../src/recommendations";
import { en } from "../src/texts/en";

function card(item: Partial<Item> | null, options: Partial<CardOptions> = {}): HTMLElement {
  const place = document.createElement("li");
  const whole = item && { item_id: "SKU-1", title: "Linen shirt", ...item };
  place.append(...createCard(whole, { locale: "en", texts: en, ...options }));
  return place;
}

const price = (place: HTMLElement) => place.querySelector(".vitrina-price")!.textContent;

test("title, address, image, price and reason are shown", () => {
  const place = card({
    url: "https://shop.example/p/1",
    image_url: "https://shop.example/1.jpg",
    price: 19.9,
    currency: "EUR",
    reason: { code: "similar", text: "Similar to Linen trousers" },
  });
  expect(place.querySelector("a")!.href).toBe("https://shop.example/p/1");
  expect(place.querySelector("a")!.textContent).toBe("Linen shirt");
  expect(place.querySelector("img")!.src).toBe("https://shop.example/1.jpg");
  expect(place.querySelector("img")!.loading).toBe("lazy");
  expect(price(place)).toBe("€19.90");
  expect(place.querySelector(".vitrina-reason")!.textContent).toBe("Similar to Linen trousers");
});

test("text is only ever text", () => {
  const hostile = '<img src=x onerror="alert(1)"><script>alert(1)</script>';
  const place = card({ title: hostile, reason: { code: "similar", text: hostile } });
  expect(place.querySelector(".vitrina-title")!.textContent).toBe(hostile);
  expect(place.querySelectorAll("script, img")).toHaveLength(0);
});

test("an address that is no link leaves the title without one", () => {
  expect(card({ url: "javascript:alert(1)" }).querySelector("a")).toBeNull();
  expect(card({ image_url: "javascript:alert(1)" }).querySelector("img")).toBeNull();
});

test.each([
  ["Linen shirt, white", "LS"],
  ["élan 3000", "É3"],
  ["«Ёлка»", "Ё"],
  ["👟", ""],
  ["", ""],
])("%j without an image shows the initials %j", (title, initials) => {
  expect(card({ title }).querySelector<HTMLElement>(".vitrina-initials")!.dataset.initials).toBe(initials);
});

test("an image that does not load gives way to the initials", () => {
  const place = card({ image_url: "/missing.jpg" });
  place.querySelector("img")!.dispatchEvent(new Event("error"));
  expect(place.querySelector("img")).toBeNull();
  expect(place.querySelector(".vitrina-initials")).not.toBeNull();
});

test("a lower price stands beside the earlier one, told apart for screen readers", () => {
  const place = card({ price: 30, sale_price: 20, currency: "EUR" });
  expect(price(place)).toBe("now €20.00, was €30.00");
  expect(place.querySelector("s")!.textContent).toBe("€30.00");
});

test.each([
  [{ price: 30, sale_price: 30 }, "€30.00"],
  [{ price: 30, sale_price: 40 }, "€30.00"],
  [{ price: 30, sale_price: 0 }, "€30.00"],
  [{ price: 0 }, "€0.00"],
  [{ price: null }, ""],
  [{}, ""],
])("%j shows the price %j", (prices, expected) => {
  expect(price(card({ ...prices, currency: "EUR" }))).toBe(expected);
});

test("a card without an item has the same parts, all empty", () => {
  const parts = (place: HTMLElement) => [...place.querySelectorAll("[class]")].map(({ className }) => className);
  expect(card(null).textContent).toBe("");
  expect(parts(card(null))).toEqual(parts(card({ image_url: "" })).filter((part) => part !== "vitrina-initials"));
});

test("a shop's own template gets the parts where its slots are", () => {
  const template = document.createElement("template");
  template.innerHTML = '<b><slot name="brand"></slot></b><slot name="title"></slot><slot name="price"></slot><slot name="x"></slot>';
  const place = card({ url: "/p/1", price: 5, brand: "<i>Lin</i>" } as Partial<Item>, { template });
  expect(place.querySelector("b")!.textContent).toBe("<i>Lin</i>");
  expect(place.querySelector("a")!.textContent).toBe("Linen shirt");
  expect(place.querySelectorAll("slot, .vitrina-image")).toHaveLength(0);
});

test("pictures come in several widths where their server has them", () => {
  const sources = (image_url: string, images?: string) => card({ image_url }, { images: images ?? null }).querySelector("img")!.srcset;
  expect(sources("https://shop.example/1.jpg")).toBe("");
  expect(sources("https://cdn.shopify.com/s/1.jpg?v=7")).toContain("https://cdn.shopify.com/s/1.jpg?v=7&width=400 400w");
  expect(sources("https://shop.example/1.jpg", "https://i.example/{width}?of={url}")).toContain("https://i.example/800?of=https://shop.example/1.jpg 800w");
  expect(sources("https://shop.example/1.jpg", "javascript:{width}")).not.toContain("javascript");
});
