import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createElementClass, elements } from "../src/element";
import { inTurn } from "../src/frames";
import type { Answer, Item, Question } from "../src/recommendations";

let questions: Question[];
let answer: () => Promise<Answer>;
let tracked: [string, unknown][];

customElements.define(
  "vitrina-recommendations",
  createElementClass({
    recommend: (question) => (questions.push(question), answer()),
    told: async (_voice, type, payload) => (tracked.push([type, payload]), true),
    stopped: new AbortController().signal,
  }),
);

const item = (id: string): Item => ({ item_id: id, title: `Item ${id}`, url: `/p/${id}`, price: 5, currency: "EUR" });
const list = (...ids: string[]): Answer => ({ recommendation_id: "rec_1", strategy: "popular", items: ids.map(item) });
const settled = async () => {
  await new Promise((resolve) => setTimeout(resolve));
  await inTurn(() => {}); // after all that is to be drawn
};

function put(attributes: string, inside = ""): HTMLElement {
  document.body.innerHTML = `<vitrina-recommendations loading="eager" ${attributes}>${inside}</vitrina-recommendations>`;
  return document.body.firstElementChild as HTMLElement;
}

const titles = (element: HTMLElement) => [...element.querySelectorAll(".vitrina-title")].map((title) => title.textContent);

beforeEach(() => {
  questions = [];
  tracked = [];
  answer = async () => list("A", "B", "C");
});

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

test("attributes become the question", async () => {
  put('placement="cart" item-id="A" item-ids="B, C,,D" category="Men > Shirts" limit="3"');
  await settled();
  const question = { placement: "cart", item_id: ["A", "B", "C", "D"], category: "Men > Shirts", limit: 3, lang: "en-US" };
  expect(questions).toEqual([question]);
});

test("an id that is too long for one takes the others' list away from nobody", async () => {
  put(`item-ids="A,${"b".repeat(300)}"`);
  await settled();
  expect(questions[0]!.item_id).toEqual(["A", "b".repeat(128)]);
});

test("text of the shop's own stands until there is a list, and stays where there is none", async () => {
  const inside = (text: string) => {
    const list = document.createElement("vitrina-recommendations");
    list.append(text, document.createComment("no text"));
    document.body.replaceChildren(list);
    return list;
  };
  const filled = inside("Loading our picks…");
  expect(filled.querySelector("section")).toBeNull();
  await settled();
  expect(filled.textContent).not.toContain("Loading");
  answer = () => Promise.reject(new Error());
  const failed = inside("Loading our picks…");
  await settled();
  expect([failed.hidden, failed.style.visibility, failed.textContent]).toEqual([false, "", "Loading our picks…"]);
});

test("a grid keeps the places for which there are no products until it is out of view", async () => {
  const watching: [Element, (isIntersecting: boolean) => void][] = [];
  vi.stubGlobal("IntersectionObserver", class {
    disconnect = vi.fn();
    unobserve = vi.fn();
    observe = (element: Element) => watching.push([element, (seen) => this.report([{ isIntersecting: seen }], this)]);
    constructor(private report: (entries: { isIntersecting: boolean }[], observer: unknown) => void) {}
  });
  answer = async () => list("A", "B");
  const element = put('layout="grid" limit="5"');
  await settled();
  const row = element.querySelector("ul")!;
  const [, tell] = watching.find(([watched]) => watched === row)!;
  const classes = () => [...row.children].map(({ className }) => className.split(" ")[0]);
  const places = [...Array(2).fill("vitrina-item"), ...Array(3).fill("vitrina-skeleton")];
  tell(true);
  expect([classes(), row.hasAttribute("aria-busy")]).toEqual([places, false]);
  tell(false);
  expect(classes()).toEqual(places.slice(0, 2));
  vi.unstubAllGlobals();
});

test("the room that a page has kept is taken out, and nothing else that stands there", async () => {
  answer = () => new Promise(() => {});
  const drawn = async (inside: string) => {
    const list = document.createElement("vitrina-recommendations");
    list.innerHTML = inside;
    document.body.replaceChildren(list);
    await settled();
    return list.innerHTML;
  };
  expect(await drawn("<i></i><i></i>")).toMatch(/^<section class="vitrina-carousel".*vitrina-skeleton/);
  expect(await drawn("<i></i><p>Our own <i></i></p>")).toBe("<p>Our own <i></i></p>");
});

test("lists whose room is kept are drawn one after the other, each in a frame of its own", async () => {
  answer = () => new Promise(() => {});
  for (let count = 0; count < 3; count++) {
    const list = document.createElement("vitrina-recommendations");
    list.append(document.createElement("i"));
    document.body.append(list);
  }
  const frames: number[] = [];
  for (let frame = 0; frame < 6; frame++) {
    frames.push(document.querySelectorAll("section").length);
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  }
  expect(frames[0]).toBe(0);
  expect(frames.at(-1)).toBe(3);
  expect(Math.max(...frames.map((drawn, frame) => drawn - (frames[frame - 1] ?? 0)))).toBe(1);
});

test("the room is taken out too where other words come before the list is drawn", async () => {
  answer = () => new Promise(() => {});
  const list = document.createElement("vitrina-recommendations") as HTMLElement & { rebuild(): void };
  list.append(document.createElement("i"));
  document.body.append(list);
  list.rebuild();
  expect([...list.children].map((child) => child.localName)).toEqual(["section"]);
  await settled();
  expect([...list.children].map((child) => child.localName)).toEqual(["section"]);
});

test("what the shop put inside gets no skeleton beside it", async () => {
  answer = () => new Promise(() => {});
  const list = put("", "<p>Our own</p>") as HTMLElement & { rebuild(): void };
  await settled();
  list.rebuild();
  expect(list.innerHTML).toBe("<p>Our own</p>");
});

test.each([
  ["", { placement: "home", item_id: [], limit: 8, lang: "en-US" }],
  ['item-id="A" limit="many"', { placement: "product-page", item_id: ["A"], limit: 8, lang: "en-US" }],
  ['lang="de-AT"', { placement: "home", item_id: [], limit: 8, lang: "de-AT" }],
  ['limit="100000"', { placement: "home", item_id: [], limit: 100, lang: "en-US" }],
])("<vitrina-recommendations %s> asks sensibly", async (attributes, question) => {
  put(attributes);
  await settled();
  expect(questions).toEqual([question]);
});

test("a skeleton with the title is there before the answer, the items after it", async () => {
  let arrive = (_answer: Answer) => {};
  answer = () => new Promise((resolve) => (arrive = resolve));
  const element = put('placement="cart" limit="5"');
  await settled();
  expect(element.querySelectorAll(".vitrina-skeleton")).toHaveLength(5);
  expect(element.querySelector("h2")!.textContent).toBe("Goes well with your cart");
  arrive(list("A", "B"));
  await settled();
  expect(element.querySelectorAll(".vitrina-skeleton")).toHaveLength(0);
  expect(titles(element)).toEqual(["Item A", "Item B"]);
});

test("a long list comes in parts, each in a frame of its own, in places that are kept for it", async () => {
  const ids = [..."ABCDEFGHIJ"];
  let arrive = (_answer: Answer) => {};
  answer = () => new Promise((resolve) => (arrive = resolve));
  const element = put('layout="grid" limit="10"');
  await settled();
  const loaded = vi.fn(() => titles(element).length);
  element.addEventListener("vitrina:load", loaded);
  arrive(list(...ids));
  const steps = new Set<string>();
  for (let frame = 0; frame < 8; frame++) {
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    steps.add(`${titles(element).filter(Boolean).length} of ${titles(element).length}`);
  }
  expect([...steps].filter((step) => step !== "0 of 10")).toEqual(["4 of 10", "8 of 10", "10 of 10"]);
  expect(loaded).toHaveBeenCalledOnce();
  expect(loaded).toHaveReturnedWith(10);
});

const firstPartOf = async (element: HTMLElement) => {
  while (!titles(element).includes("Item A")) await new Promise((resolve) => setTimeout(resolve));
  expect(titles(element).filter((title) => title?.startsWith("Item"))).toHaveLength(4);
};

test("an answer that comes between the parts of another takes their places", async () => {
  const answers = [list(..."ABCDEFGH"), list(..."STUVWXYZ")];
  answer = async () => answers.shift()!;
  const element = put("") as HTMLElement & { refresh(): void };
  await firstPartOf(element);
  element.refresh();
  while (!titles(element).includes("Item Z")) await new Promise((resolve) => setTimeout(resolve));
  expect(titles(element)).toEqual([..."STUVWXYZ"].map((id) => `Item ${id}`));
});

test("a list is drawn to its end although it is asked again meanwhile, and nothing comes of that", async () => {
  answer = async () => list(..."ABCDEFGH");
  const element = put("") as HTMLElement & { refresh(): void };
  await firstPartOf(element);
  answer = () => Promise.reject(new Error("no network"));
  element.refresh();
  while (!titles(element).includes("Item H")) await new Promise((resolve) => setTimeout(resolve));
  expect(titles(element)).toEqual([..."ABCDEFGH"].map((id) => `Item ${id}`));
  expect(element.style.visibility).toBe("");
});

test("a card can be clicked before those after it are drawn", async () => {
  answer = async () => list(..."ABCDEFGH");
  const element = put("");
  await firstPartOf(element);
  element.querySelector("a")!.click();
  expect(tracked.map(([type]) => type)).toEqual(["select_item"]);
});

test("the section is named by its heading", async () => {
  const element = put('heading="Wear it with"');
  await settled();
  const section = element.querySelector("section")!;
  expect(document.getElementById(section.getAttribute("aria-labelledby")!)!.textContent).toBe("Wear it with");
});

test("a grid has no buttons", async () => {
  expect(put('layout="grid"')).toBeTruthy();
  await settled();
  expect(document.querySelectorAll("button")).toHaveLength(0);
});

test.each([
  ["vitrina:load", async () => list("A"), { recommendation_id: "rec_1", strategy: "popular", count: 1 }, false],
  ["vitrina:empty", async () => list(), { recommendation_id: "rec_1", strategy: "popular", count: 0 }, true],
  ["vitrina:error", () => Promise.reject(new Error()), { recommendation_id: null, strategy: null, count: 0 }, true],
] as const)("%s tells the page", async (name, result, detail, hidden) => {
  answer = result;
  const told = vi.fn();
  document.addEventListener(name, (event) => told((event as CustomEvent).detail), { once: true });
  const element = put('placement="home"');
  await settled();
  expect(told).toHaveBeenCalledWith({ placement: "home", ...detail });
  expect(element.style.visibility).toBe(hidden ? "hidden" : "");
});

test("a list without products gives its room back once it is out of view, unless it has some by then", async () => {
  const watching: ((isIntersecting: boolean) => void)[] = [];
  vi.stubGlobal("IntersectionObserver", class {
    disconnect = vi.fn();
    unobserve = vi.fn();
    observe = vi.fn();
    constructor(report: (entries: { isIntersecting: boolean }[], observer: unknown) => void) {
      watching.push((isIntersecting) => report([{ isIntersecting }], this));
    }
  });
  answer = () => Promise.reject(new Error());
  const element = put("") as HTMLElement & { refresh(): void };
  await settled();
  watching.at(-1)!(true);
  expect([element.hidden, element.querySelectorAll("li").length > 0]).toEqual([false, true]);
  watching.at(-1)!(false);
  expect([element.hidden, element.childElementCount]).toEqual([true, 0]);
  element.refresh();
  await settled();
  const late = watching.at(-1)!;
  answer = async () => list("A");
  element.refresh();
  await settled();
  late(false);
  expect([element.hidden, element.style.visibility, titles(element)]).toEqual([false, "", ["Item A"]]);
  vi.unstubAllGlobals();
});

test("changed attributes of one turn ask once more", async () => {
  const element = put('item-id="A"');
  await settled();
  element.setAttribute("item-id", "B");
  element.setAttribute("limit", "4");
  await settled();
  expect(questions.map(({ item_id, limit }) => [item_id[0], limit])).toEqual([["A", 8], ["B", 4]]);
});

test("of two questions the later one's answer stays, whichever comes last", async () => {
  const arrivals: ((answer: Answer) => void)[] = [];
  answer = () => new Promise((resolve) => arrivals.push(resolve));
  const element = put('item-id="A"');
  await settled();
  element.setAttribute("item-id", "B");
  await settled();
  arrivals[1]!(list("for-B"));
  arrivals[0]!(list("for-A"));
  await settled();
  expect(titles(element)).toEqual(["Item for-B"]);
});

test("a renewed list leaves the places whose product stayed", async () => {
  const element = put("");
  await settled();
  const [first, second] = element.querySelectorAll("a");
  answer = async () => list("A", "X", "C");
  (element as HTMLElement & { refresh(): void }).refresh();
  await settled();
  expect(titles(element)).toEqual(["Item A", "Item X", "Item C"]);
  expect(first!.isConnected).toBe(true);
  expect(second!.isConnected).toBe(false);
});

test("a renewal that fails keeps the earlier list", async () => {
  const element = put("");
  await settled();
  answer = () => Promise.reject(new Error());
  (element as HTMLElement & { refresh(): void }).refresh();
  await settled();
  expect(titles(element)).toHaveLength(3);
  expect(element.hidden).toBe(false);
});

test("the focus stays in its place when the product under it changes", async () => {
  const element = put("");
  await settled();
  element.querySelectorAll("a")[1]!.focus();
  answer = async () => list("A", "X", "C");
  (element as HTMLElement & { refresh(): void }).refresh();
  await settled();
  expect(document.activeElement!.textContent).toBe("Item X");
});

test("a click tells which product of which list", async () => {
  const element = put('placement="cart"');
  await settled();
  element.querySelectorAll("a")[1]!.click();
  const payload = { item_list_id: "cart", recommendation_id: "rec_1", items: [{ item_id: "B", index: 1 }] };
  expect(tracked).toEqual([["select_item", payload]]);
});

test("removing the element removes everything of it", async () => {
  const element = put("");
  await settled();
  element.remove();
  expect(elements.size).toBe(0);
  expect(element.childElementCount).toBe(0);
});

test("in a shadow of its own the list is out of the theme's reach", async () => {
  const element = put("shadow");
  await settled();
  expect(element.querySelector("section")).toBeNull();
  expect(element.shadowRoot!.querySelectorAll(".vitrina-item")).toHaveLength(3);
  expect(element.shadowRoot!.querySelector('[part="title"]')!.textContent).toBe("Item A");
});

test("what the shop put inside stays until there is something better, and when there is not", async () => {
  answer = () => Promise.reject(new Error());
  const element = put("", "<p>Our bestsellers</p>");
  await settled();
  expect([element.hidden, element.textContent]).toEqual([false, "Our bestsellers"]);
  answer = async () => list("A");
  (element as HTMLElement & { refresh(): void }).refresh();
  await settled();
  expect(element.querySelector("p")).toBeNull();
  expect(titles(element)).toEqual(["Item A"]);
});

test("a list drawn by the server is taken over as it stands, without a question", async () => {
  const drawn = '<ul data-recommendation-id="rec_7"><li data-item-id="A"><a href="/a">A</a></li><li data-item-id="B"><a href="#b">B</a></li></ul>';
  const element = put('placement="home"', drawn);
  await settled();
  expect(questions).toEqual([]);
  element.querySelectorAll("a")[1]!.click();
  const payload = { item_list_id: "home", recommendation_id: "rec_7", items: [{ item_id: "B", index: 1 }] };
  expect(tracked).toEqual([["select_item", payload]]);
});

test("the styles leave the page with the last list", async () => {
  const before = document.adoptedStyleSheets.length;
  const element = put("");
  await settled();
  expect(document.adoptedStyleSheets).toHaveLength(before + 1);
  element.remove();
  expect(document.adoptedStyleSheets).toHaveLength(before);
});
