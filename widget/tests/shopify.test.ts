/** The theme extension's blocks by a real Liquid engine, and the pixel's events. */

import { readFileSync } from "node:fs";
import { Liquid } from "liquidjs";
import { beforeAll, expect, test } from "vitest";

const FOLDER = `${__dirname}/../plugins/shopify/extensions`;
const engine = new Liquid({ strictFilters: true, partials: `${FOLDER}/vitrina-theme/snippets`, extname: ".liquid" });
engine.registerTag("schema", {
  parse(_tag, rest) {
    while (rest.length) if ((rest.shift() as { name?: string }).name === "endschema") return;
    throw new Error("endschema is missing");
  },
  render: () => "",
});

let drawn: Document;

interface Block {
  text: string;
  schema: { settings: { id: string; default?: unknown }[] };
}

function read(name: string): Block {
  const text = readFileSync(`${FOLDER}/vitrina-theme/blocks/${name}.liquid`, "utf8");
  return { text, schema: JSON.parse(text.split("{% schema %}")[1]!.split("{% endschema %}")[0]!) };
}

/** The block's element on a page, with its settings as the editor leaves them but for `changed`. */
async function render(name: string, changed: object, page: object = {}): Promise<HTMLElement | null> {
  const { text, schema } = read(name);
  const settings = Object.fromEntries(schema.settings.map((setting) => [setting.id, setting.default]));
  const block = { settings: { ...settings, ...changed }, shopify_attributes: 'data-shopify-editor-block="1"' };
  drawn = new DOMParser().parseFromString(await engine.parseAndRender(text, { block, ...page }), "text/html");
  return drawn.querySelector("vitrina-recommendations, script, p");
}

const variant = { id: 41, sku: "LINEN-S", title: "S" };
// what products without an SKU are called by the import of Shopify's export: see docs/importing.md and its tests
const UNNUMBERED = [
  { handle: "oak-stool", title: "Default Title", id: "oak-stool" },
  { handle: "mug", title: "One size", id: "mug-One size" },
  { handle: "tee", title: "S / M / Blue", id: "tee-S-M-Blue" },
];

test("the embed prints the one tag", async () => {
  const tag = await render("script", { host: "https://vitrina.example", key: "vpk_1" });
  expect(tag!.getAttribute("src")).toBe("https://vitrina.example/widget/v1.js");
  expect([tag!.dataset.key, tag!.dataset.consent]).toEqual(["vpk_1", undefined]);
  expect((await render("script", { host: "https://v.example", key: "vpk_1", wait: true }))!.dataset.consent).toBe("denied");
  const slashed = await render("script", { host: " https://vitrina.example/ ", key: "vpk_1" });
  expect(slashed!.getAttribute("src")).toBe("https://vitrina.example/widget/v1.js");
});

test("it keeps the same room for lists as the WooCommerce plugin, which a browser has measured", async () => {
  await render("script", { host: "https://vitrina.example", key: "vpk_1" });
  const php = readFileSync(`${FOLDER}/../../woocommerce/vitrina/vitrina.php`, "utf8");
  expect(drawn.querySelector("style")!.textContent!.trim()).toBe(php.split("<<<'CSS'\n")[1]!.split("\nCSS;")[0]);
});

test.each([{ host: "", key: "vpk_1" }, { host: "https://v.example", key: "vsk_secret" }, {}])(
  "with %j nothing is printed but a word in the editor",
  async (settings) => {
    expect(await render("script", settings)).toBeNull();
    const word = await render("script", settings, { request: { design_mode: true } });
    expect(word!.textContent).toContain("vpk_");
    expect(drawn.documentElement.innerHTML).not.toContain("vsk_secret");
  },
);

test("a block on a product's page names the variant", async () => {
  const product = { selected_or_first_available_variant: variant };
  const list = await render("recommendations", {}, { product });
  expect([list!.getAttribute("placement"), list!.getAttribute("item-id"), list!.getAttribute("limit")]).toEqual(["product-page", "LINEN-S", "8"]);
});

test.each(UNNUMBERED)("a block names $handle, $title, which has no SKU, as the import does", async ({ handle, title, id }) => {
  const bare = { id: 41, sku: "", title };
  const list = await render("recommendations", {}, { product: { handle, selected_or_first_available_variant: bare } });
  expect(list!.getAttribute("item-id")).toBe(id);
});

test("a block in the cart names what is in it", async () => {
  const lines = [{ product: { handle: "linen" }, variant }, { product: { handle: "tee" }, variant: { id: 2, sku: "", title: "M" } }];
  const cart = { items: lines };
  const list = await render("recommendations", { placement: "cart", layout: "grid" }, { cart });
  expect([list!.getAttribute("item-ids"), list!.getAttribute("layout")]).toEqual(["LINEN-S,tee-M", "grid"]);
});

test("a block on a collection's page names the collection, and columns and grids keep room for their products", async () => {
  const list = await render("recommendations", { placement: "category", layout: "list", limit: 5 }, { collection: { title: "Shirts & more" } });
  expect(list!.getAttribute("category")).toBe("Shirts & more");
  expect((await render("recommendations", { placement: "category" }))!.hasAttribute("category")).toBe(false);
  expect(list!.innerHTML.trim()).toBe("<i></i>".repeat(5));
  expect((await render("recommendations", {}))!.innerHTML.trim()).toBe("<i></i>");
  const grid = await render("recommendations", { placement: "home", layout: "grid", limit: 5 });
  expect(grid!.innerHTML.trim()).toBe("<i></i>".repeat(5));
});

test("what a manager types stays text", async () => {
  const heading = '"><script>alert(1)</script>';
  expect((await render("recommendations", { heading }))!.getAttribute("heading")).toBe(heading);
  expect(drawn.querySelectorAll("script")).toHaveLength(0);
});

let eventOf: (happened: object, shopperId: string | null) => Record<string, unknown> | null;
beforeAll(async () => ({ eventOf } = (await import(`${FOLDER}/vitrina-pixel/src/events.js`)) as { eventOf: typeof eventOf }));

test("the pixel tells the order once, as the shopper whom the widget knows", () => {
  const checkout = {
    order: { id: "77" },
    totalPrice: { amount: 40 },
    currencyCode: "EUR",
    lineItems: [
      { quantity: 2, variant: { id: "41", sku: "LINEN-S", price: { amount: 20 } } },
      { quantity: 1, variant: { id: "42", sku: null, title: "M", product: { url: "/products/tee" } } },
    ],
  };
  const happened = { id: "e1", name: "checkout_completed", clientId: "c1", data: { checkout } };
  expect(eventOf(happened, "guest-1")).toEqual({
    event_id: "purchase-77",
    shopper_id: "guest-1",
    type: "purchase",
    transaction_id: "77",
    value: 40,
    currency: "EUR",
    items: [
      { item_id: "LINEN-S", quantity: 2, price: 20 },
      { item_id: "tee-M", quantity: 1, price: undefined },
    ],
  });
  expect(eventOf(happened, null)).toMatchObject({ session_id: "shopify-c1" });
});

test.each([
  ...UNNUMBERED,
  { handle: "oak-stool", title: undefined, id: "oak-stool" },
  { handle: "b%C3%BCgel?variant=41", title: "Rot", untranslatedTitle: "Red", id: "bügel-Red" },
])("the pixel names $handle, $title, which has no SKU, as the import does", ({ handle, id, ...titles }) => {
  const bare = { id: "41", sku: "", ...titles, product: { url: `/de/products/${handle}` } };
  const checkout = { order: { id: "77" }, lineItems: [{ quantity: 1, variant: bare }] };
  expect(eventOf({ id: "e1", name: "checkout_completed", clientId: "c1", data: { checkout } }, null)).toMatchObject({ items: [{ item_id: id }] });
});

test("the pixel leaves carts and views to the widget", () => {
  for (const name of ["product_added_to_cart", "product_viewed", "page_viewed"]) {
    expect(eventOf({ id: "e2", name, clientId: "c1", data: {} }, null)).toBeNull();
  }
});
