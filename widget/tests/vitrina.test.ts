import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { scriptOf } from "../src/script";
import type { Vitrina } from "../src/vitrina";

let asked: { address: string; body: Record<string, any> }[];
let vitrina: Vitrina;

const of = (path: string) => asked.filter(({ address }) => address.includes(path)).map(({ body }) => body);
const events = () => of("/events").flatMap((body) => body.events as Record<string, any>[]);
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** The whole widget, on a page of its own. */
async function start(options: { consent?: "denied"; early?: unknown[]; layer?: string } = {}): Promise<void> {
  vi.resetModules();
  vi.stubGlobal("VERSION", "1.0.0");
  vi.stubGlobal("customElements", { define: () => {}, get: () => undefined });
  vi.stubGlobal("fetch", async (address: string, { body }: { body: string }) => {
    asked.push({ address, body: JSON.parse(body) });
    return Response.json({ accepted: 1, responses: [{ recommendation_id: "rec_1", strategy: "s", items: [] }] });
  });
  if (options.early) (window as { vitrina?: unknown }).vitrina = options.early;
  else delete window.vitrina;
  const module = await import("../src/start");
  vitrina = module.start(scriptOf("vpk_1", "https://api.example", options.consent, options.layer)!);
}

/** The names of what is written from now on, if only for a moment. */
function watchWrites(kept: Record<string, string> = {}): string[] {
  const written: string[] = [];
  const watched = {
    getItem: (name: string) => kept[name] ?? null,
    setItem: (name: string) => written.push(name),
    removeItem: (name: string) => delete kept[name],
    clear: () => {},
  };
  for (const name of ["localStorage", "sessionStorage"]) vi.stubGlobal(name, watched);
  return written;
}

beforeEach(() => {
  vi.unstubAllGlobals();
  asked = [];
  localStorage.clear();
  sessionStorage.clear();
  delete (window as { dataLayer?: unknown }).dataLayer;
});

afterEach(() => vitrina.remove());

test("calls kept from before are made up for, unknown ones ignored, and stubs get their results", async () => {
  const done = vi.fn();
  const call = Object.assign(["track", "view_item", { item_id: "A" }], { done });
  await start({ early: [["identify", "customer-7"], ["nonsense"], 7, call] });
  await settled();
  expect(events()[0]).toMatchObject({ type: "view_item", item_id: "A", shopper_id: "customer-7" });
  await expect(done.mock.calls[0]![0]).resolves.toBe(true);
});

test("code gets a list, or null where there is none", async () => {
  await start();
  await expect(vitrina.recommend({ placement: "cart", item_id: ["A"] })).resolves.toMatchObject({ recommendation_id: "rec_1" });
  expect(of("/recommendations")[0]!.requests[0]).toMatchObject({ placement: "cart", item_id: ["A"], limit: 8 });
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError()));
  await expect(vitrina.recommend({})).resolves.toBeNull();
});

test("a view told by several voices counts once", async () => {
  await start();
  (window as any).dataLayer.push({ event: "view_item", ecommerce: { items: [{ item_id: "A" }] } });
  await vitrina.track("view_item", { item_id: "A" });
  expect(events()).toHaveLength(1);
});

test("one thing put into the cart twice by hand counts twice", async () => {
  await start();
  await vitrina.track("add_to_cart", { item_id: "A" });
  (window as any).dataLayer.push({ event: "add_to_cart", ecommerce: { items: [{ item_id: "A" }] } });
  await vitrina.track("add_to_cart", { item_id: "A" });
  expect(events()).toHaveLength(2);
});

test("the data layer's events are taken as they are, from before and after, Tag Manager's and gtag's", async () => {
  const gtag = function (..._values: unknown[]) {
    (window as any).dataLayer.push(arguments);
  };
  (window as any).dataLayer = [{ event: "purchase", ecommerce: { transaction_id: "T-1", value: 9, items: [{ item_id: 12, price: 9, secret: 1 }] } }];
  await start();
  gtag("event", "add_to_cart", { currency: "EUR", items: [{ id: "B", quantity: 2 }] });
  (window as any).dataLayer.push({ event: "gtm.click" }, null, "x", { ecommerce: null });
  await settled();
  expect(events().map(({ type, items }) => [type, items])).toEqual([
    ["purchase", [{ item_id: "12", price: 9 }]],
    ["add_to_cart", [{ item_id: "B", quantity: 2 }]],
  ]);
  expect(events()[0]).toMatchObject({ event_id: "purchase-T-1", value: 9, transaction_id: "T-1" });
});

test("lines of no product, and what is no amount or currency, leave the rest of an order", async () => {
  await start();
  const items = [{ item_name: "Cup" }, { item_id: "", price: 1 }, { item_id: "A", price: -1, quantity: "" }, { item_id: "B", price: 0 }];
  (window as any).dataLayer.push({ event: "purchase", ecommerce: { transaction_id: 7, currency: "", value: null, items } });
  (window as any).dataLayer.push({ event: "view_cart", ecommerce: { items: [{ item_name: "Cup" }] } });
  await settled();
  const [order, cart] = events();
  expect(order).toMatchObject({ transaction_id: 7, items: [{ item_id: "A" }, { item_id: "B", price: 0 }] });
  expect([Object.keys(order!.items[0]), "currency" in order!, "value" in order!, "items" in cart!]).toEqual([["item_id"], false, false, false]);
});

test("what JSON cannot write is not told, and keeps nothing else from being so", async () => {
  await start();
  const circle: Record<string, unknown> = { item_id: "A" };
  circle.self = circle;
  await expect(vitrina.track("add_to_cart", { items: [circle] })).resolves.toBe(false);
  await expect(vitrina.track("add_to_cart", { item_id: 10n })).resolves.toBe(false);
  await expect(vitrina.track("view_item", { item_id: "B" })).resolves.toBe(true);
  expect(events().map(({ item_id }) => item_id)).toEqual(["B"]);
});

test("calls without what they are about do no harm", async () => {
  await start();
  await expect(vitrina.recommend()).resolves.toMatchObject({ recommendation_id: "rec_1" });
  await expect(vitrina.track("view_cart", null as never)).resolves.toBe(true);
});

test("an event with a length of its own is no list", async () => {
  await start();
  (window as any).dataLayer.push({ event: "view_item", length: 2 ** 40, ecommerce: { items: [{ item_id: "A" }] } });
  await settled();
  expect(events()).toHaveLength(1);
});

test("without consent nothing is written or sent, and lists go by this tab", async () => {
  await start({ consent: "denied" });
  await expect(vitrina.track("view_item", { item_id: "A" })).resolves.toBe(false);
  await vitrina.recommend({ placement: "home" });
  expect(of("/recommendations")[0]!.requests[0]).toEqual({ placement: "home", item_id: ["A"], limit: 8, lang: "en-US", consent: "denied", recent_item_id: ["A"] });
  expect([events().length, localStorage.length, sessionStorage.length, document.cookie]).toEqual([0, 0, 0, ""]);
});

/** What a shop that draws its pages in the browser puts there for search engines. */
function showProduct(sku: string): void {
  document.head.innerHTML = `<script type="application/ld+json">${JSON.stringify({ "@type": "Product", sku })}</script>`;
}

const views = () => events().flatMap(({ type, item_id }) => (type === "view_item" ? [item_id] : []));
const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A page that is loaded with its product, and looked at for long enough. */
async function openProduct(sku: string): Promise<void> {
  showProduct(sku);
  history.pushState({}, "", `/${sku.toLowerCase()}`);
  await start();
  await after(600);
}

async function expectNext(sku: string): Promise<void> {
  const before = views();
  showProduct(sku);
  await after(600);
  expect(views()).toEqual([...before, sku]);
}

test("the product of a page that is drawn late is waited for, and that of the page before is not told again", async () => {
  document.head.innerHTML = "";
  history.pushState({}, "", "/a");
  await start();
  await after(600);
  expect(views()).toEqual([]);
  await expectNext("A");
  history.pushState({}, "", "/b"); // seen within 300 ms; what stands there is still A
  await after(1000);
  expect(views()).toEqual(["A"]);
  await expectNext("B");
}, 10_000);

test("what a page before has left there is told by no page after it, however many the shopper hurries through", async () => {
  await openProduct("A");
  expect(views()).toEqual(["A"]);
  for (const path of ["/a/reviews", "/b"]) {
    history.pushState({}, "", path);
    await after(1000);
  }
  expect(views()).toEqual(["A"]);
  await expectNext("B");
}, 10_000);

test("a product looked at again, after a page that shows none or out of the browser's memory, is told again", async () => {
  await openProduct("A");
  history.pushState({}, "", "/cart");
  document.head.innerHTML = "";
  await after(1000);
  history.pushState({}, "", "/a");
  showProduct("A");
  await after(1000);
  expect(views()).toEqual(["A", "A"]);
  window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await after(600);
  expect(views()).toEqual(["A", "A", "A"]);
}, 10_000);

test("a shopper whom nobody asked to forget is kept, as the tests below would see", async () => {
  const written = watchWrites();
  await start({ early: [["identify", "customer-7"], ["track", "view_item", { item_id: "B" }]] });
  await settled();
  expect(new Set(written)).toEqual(new Set(["vitrina_known_shopper", "vitrina_session", "vitrina_outbox"]));
});

test("nothing is written before all have spoken who may forbid it", async () => {
  const written = watchWrites();
  (window as any).dataLayer = [["consent", "default", { analytics_storage: "denied" }], { event: "view_item", ecommerce: { items: [{ item_id: "A" }] } }];
  await start({ early: [["track", "view_item", { item_id: "B" }], ["identify", "customer-7"]] });
  await settled();
  expect([written, events()]).toEqual([[], []]);
});

test("what a page's own calls say last of consent holds for what they told first", async () => {
  const written = watchWrites();
  await start({ early: [["track", "view_item", { item_id: "B" }], ["consent", "denied"]] });
  await settled();
  expect([written, events()]).toEqual([[], []]);
});

test("who is named before a page's own word on consent leaves no trace either", async () => {
  const written = watchWrites();
  await start({ early: [["identify", "customer-7"], null, ["consent", "denied"]] });
  await settled();
  expect(written).toEqual([]);
});

/** The page is still on its way until the function it returns is called. */
function reading(): () => void {
  Object.defineProperty(document, "readyState", { value: "loading", configurable: true });
  return () => {
    delete (document as { readyState?: unknown }).readyState;
    document.dispatchEvent(new Event("DOMContentLoaded"));
  };
}

test("nothing is written or told before the page is read, which may deny it further down", async () => {
  const left = JSON.stringify([{ event: { event_id: "left", type: "view_cart" }, at: Date.now() }]);
  const written = watchWrites({ vitrina_outbox: left });
  const read = reading();
  await start({ early: [["identify", "customer-7"], ["track", "view_item", { item_id: "A" }]] });
  await vitrina.recommend({ placement: "home" });
  await settled();
  expect([written, events()]).toEqual([[], []]);
  (window as any).dataLayer.push(["consent", "default", { analytics_storage: "denied" }]);
  read();
  await settled();
  expect([written, events()]).toEqual([[], []]);
});

test("what a page that forbids nothing told while it was read is sent then, and its shopper kept", async () => {
  const written = watchWrites();
  const read = reading();
  await start({ early: [["identify", "customer-7"], ["track", "view_item", { item_id: "A" }]] });
  await settled();
  read();
  await settled();
  expect(events()).toMatchObject([{ item_id: "A", shopper_id: "customer-7" }]);
  expect(new Set(written)).toEqual(new Set(["vitrina_known_shopper", "vitrina_session", "vitrina_outbox"]));
});

test("a default of Consent Mode, which may be meant for other regions, gives no consent that another took away", async () => {
  const said = (how: string, analytics_storage: string, region?: string[]) => ["consent", how, { analytics_storage, region }];
  (window as any).dataLayer = [said("default", "denied", ["DE"]), said("default", "granted")];
  await start();
  await expect(vitrina.track("view_item", { item_id: "A" })).resolves.toBe(false);
  (window as any).dataLayer.push(said("update", "granted"));
  await expect(vitrina.track("view_item", { item_id: "B" })).resolves.toBe(true);
});

test("a list is asked with both names of who was a guest before", async () => {
  await start();
  await vitrina.track("view_item", { item_id: "A" });
  vitrina.identify("customer-7");
  await vitrina.recommend({ placement: "home" });
  const guest = events()[0]!.shopper_id;
  expect(of("/recommendations").at(-1)!.requests[0]).toMatchObject({ shopper_id: "customer-7", anonymous_id: guest });
});

test("consent taken back removes what was stored; Consent Mode speaks for the shopper", async () => {
  await start();
  await vitrina.track("view_item", { item_id: "A" });
  expect(localStorage.length).toBeGreaterThan(0);
  (window as any).dataLayer.push(["consent", "update", { analytics_storage: "denied" }]);
  expect([localStorage.length, sessionStorage.length]).toEqual([0, 0]);
  vitrina.consent("granted");
  await expect(vitrina.track("view_item", { item_id: "B" })).resolves.toBe(true);
});

test.each([{ globalPrivacyControl: true }, { doNotTrack: "1" }])("%j is believed over everything", async (signal) => {
  vi.stubGlobal("navigator", Object.create(navigator, Object.fromEntries(Object.entries(signal).map(([name, value]) => [name, { value }]))));
  await start();
  vitrina.consent("granted");
  await expect(vitrina.track("view_item", { item_id: "A" })).resolves.toBe(false);
  expect(localStorage).toHaveLength(0);
  vi.unstubAllGlobals();
});

test("remove takes everything away", async () => {
  await start();
  await vitrina.track("view_item", { item_id: "A" });
  vitrina.remove();
  (window as any).dataLayer.push({ event: "add_to_cart", ecommerce: { items: [{ item_id: "A" }] } });
  await expect(vitrina.track("view_item", { item_id: "C" })).resolves.toBe(false);
  expect([events().length, localStorage.length]).toEqual([1, 0]);
});
