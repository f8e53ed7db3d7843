import { beforeEach, expect, test } from "vitest";
import { watchCarts } from "../src/carts";
import type { Payload } from "../src/events";
import { pageItem } from "../src/page";

const json = (value: unknown) => `<script type="application/ld+json">${JSON.stringify(value)}</script>`;

beforeEach(() => {
  document.head.innerHTML = "";
  document.body.innerHTML = "";
});

test.each([
  ["an attribute", '<vitrina-recommendations placement="product-page" item-id="A"></vitrina-recommendations>', "A"],
  ["JSON-LD", json({ "@type": "Product", sku: "A" }), "A"],
  ["JSON-LD with a whole address as type", json({ "@type": "http://schema.org/Product", sku: "A" }), "A"],
  ["JSON-LD with a graph", json({ "@graph": [{ "@type": "WebPage" }, { "@type": ["Product"], productID: 7 }] }), "7"],
  ["Shopify's group", json({ "@type": "ProductGroup", productGroupID: "9", hasVariant: [{ sku: "A-S" }, { sku: "A-M" }] }), "A-S"],
  ["WooCommerce's product", json({ "@graph": [{ "@type": "BreadcrumbList" }, { "@type": "Product", sku: "W-1" }] }), "W-1"],
  ["two scripts that say the same", json({ "@type": "Product", sku: "A" }).repeat(2), "A"],
  ["several products", json([{ "@type": "Product", sku: "A" }, { "@type": "Product", sku: "B" }]), ""],
  ["a list of products", json({ "@type": "ItemList", itemListElement: [{ "@type": "Product", sku: "A" }] }), ""],
  ["broken JSON", '<script type="application/ld+json">{"@type": "Product",</script>' + json({ "@type": "Product", sku: "A" }), "A"],
  ["a product without an id", json({ "@type": "Product", sku: { a: 1 } }), ""],
  ["a product whose id is missing", json({ "@type": "Product", sku: false }), ""],
  ["microdata", '<div itemscope itemtype="https://schema.org/Product"><span itemprop="sku"> A </span></div>', "A"],
  ["microdata of several", '<div itemtype="http://schema.org/Product"><i itemprop="sku">A</i></div>'.repeat(2), ""],
  ["Open Graph", '<meta property="product:retailer_item_id" content="A">', "A"],
  ["nothing", "<h1>About us</h1>", ""],
])("the product of a page by %s", (_name, html, id) => {
  document.body.innerHTML = html;
  expect(pageItem()).toBe(id);
});

function put(html: string): Payload[] {
  document.body.innerHTML = json({ "@type": "Product", sku: "A" }) + html;
  const added: Payload[] = [];
  const stopping = new AbortController();
  watchCarts((payload) => added.push(payload), stopping.signal);
  document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true }));
  document.querySelector<HTMLElement>("button")?.dispatchEvent(new Event("click", { bubbles: true }));
  stopping.abort();
  return added;
}

test.each([
  ["Shopify's form", '<form action="/en/cart/add"><input name="quantity" value="3"></form>', [{ item_id: "A", quantity: 3 }]],
  ["WooCommerce's form", '<form class="cart" action="/p"></form>', [{ item_id: "A", quantity: 1 }]],
  ["WooCommerce's button", '<button class="ajax_add_to_cart" data-product_id="7" data-product_sku="W-7"></button>', [{ item_id: "W-7", quantity: 1 }]],
])("a product put into the cart by %s", (_name, html, items) => {
  expect(put(html)).toEqual([{ items }]);
});

test.each([
  ["another product's card", '<ul><li><form action="/cart/add"></form></li></ul>'],
  ["a search form", '<form action="/search"></form>'],
])("%s is not the page's product in the cart", (_name, html) => {
  expect(put(html)).toEqual([]);
});
