import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEvents, type Track } from "../src/events";
import type { Identity } from "../src/identity";
import { scriptOf } from "../src/script";

const identity = { who: () => ({ shopper_id: "shopper-1", session_id: "session-1" }) } as Identity;
let granted: boolean;
let page: AbortController;
let sent: { address: string; options: RequestInit; events: Record<string, unknown>[] }[];
let answers: (() => Response)[];
let track: Track;

const accepted = (rejected: { index: number }[] = []) => () =>
  Response.json({ accepted: 1, duplicates: 0, rejected }, { status: 202 });
const failed = (status: number) => () => Response.json({}, { status });
const unreachable = () => {
  throw new TypeError("Failed to fetch");
};

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  answers = [];
  vi.stubGlobal("fetch", async (address: string, options: RequestInit) => {
    sent.push({ address, options, events: JSON.parse(options.body as string).events });
    return (answers.shift() ?? accepted())();
  });
  localStorage.clear();
  granted = true;
  track = open();
});

/** A page of the shop, as after a click on a link. */
function open(): Track {
  page?.abort();
  page = new AbortController();
  const script = scriptOf("vpk_1", "https://api.example")!;
  return createEvents(script, identity, { granted: () => granted, give: () => {} }, page.signal).track;
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("an event carries its own id and who is looking", async () => {
  await expect(track("view_item", { item_id: "SKU-1" })).resolves.toBe(true);
  expect(sent[0]!.address).toBe("https://api.example/v1/events?key=vpk_1");
  expect(sent[0]!.events[0]).toMatchObject({
    type: "view_item",
    item_id: "SKU-1",
    shopper_id: "shopper-1",
    session_id: "session-1",
    event_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});

test("a request needs no preflight and outlives its page", async () => {
  await track("view_item");
  expect(sent[0]!.options).toMatchObject({ method: "POST", keepalive: true, credentials: "omit" });
  expect(sent[0]!.options.headers).toBeUndefined();
});

test("events of one turn travel together", async () => {
  await Promise.all([track("view_item"), track("add_to_cart"), track("search")]);
  await track("view_cart");
  expect(sent.map(({ events }) => events.map(({ type }) => type))).toEqual([
    ["view_item", "add_to_cart", "search"],
    ["view_cart"],
  ]);
});

test("many events make several requests", async () => {
  await Promise.all(Array.from({ length: 41 }, () => track("view_item")));
  expect(sent.map(({ events }) => events.length)).toEqual([20, 20, 1]);
});

test("a large request does without keepalive, which has a limit", async () => {
  await track("search", { search_term: "x".repeat(30_000) });
  expect(sent[0]!.options.keepalive).toBe(false);
});

test("only the rejected event of a batch is told so", async () => {
  answers = [accepted([{ index: 1 }])];
  expect(await Promise.all([track("view_item"), track("nonsense"), track("search")])).toEqual([true, false, true]);
});

test.each([unreachable, failed(503), failed(429), failed(408)])("what may pass is tried again with the same id", async (answer) => {
  answers = [answer];
  const outcome = track("view_item");
  await vi.advanceTimersByTimeAsync(5000);
  await expect(outcome).resolves.toBe(true);
  expect(sent).toHaveLength(2);
  const [first, second] = sent.map(({ events }) => events[0]!);
  expect(second!.event_id).toBe(first!.event_id);
  expect(first!.age_ms).toBe(0);
  expect(second!.age_ms).toBeGreaterThanOrEqual(1000);
});

test.each([
  ["30", 29_900, 46_000],
  ["9999999", 299_000, 451_000], // no server may silence a page for good
  ["Wed, 21 Oct 2026 07:28:00 GMT", 1900, 3100], // a date counts for nothing
  ["-5", 1900, 3100],
])("a server that asks to wait %s is given that time", async (retryAfter, soonest, latest) => {
  answers = [() => new Response("", { status: 429, headers: { "Retry-After": retryAfter } })];
  void track("view_item");
  await vi.advanceTimersByTimeAsync(soonest);
  expect(sent).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(latest - soonest);
  expect(sent).toHaveLength(2);
});

test.each([400, 401, 403, 413, 422])("status %d is final", async (status) => {
  answers = [failed(status)];
  await expect(track("view_item")).resolves.toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(1);
});

test("after three attempts without a network it waits, without an error", async () => {
  answers = [unreachable, unreachable, unreachable];
  const outcome = track("view_item");
  await vi.advanceTimersByTimeAsync(60_000);
  await expect(outcome).resolves.toBe(false);
  expect(sent).toHaveLength(3);
});

test("what waits when the page goes is sent by beacon, once", async () => {
  const beacon = vi.fn(() => true);
  vi.stubGlobal("navigator", { sendBeacon: beacon });
  answers = [unreachable];
  void track("purchase", { transaction_id: "T-1" });
  await vi.advanceTimersByTimeAsync(10);
  void track("view_item");
  dispatchEvent(new Event("pagehide"));
  await vi.advanceTimersByTimeAsync(60_000);
  const bodies = beacon.mock.calls.map((call) => JSON.parse((call as unknown[])[1] as string));
  expect(bodies.map(({ events }) => events.map(({ type }: { type: string }) => type))).toEqual([["purchase", "view_item"]]);
  expect(sent).toHaveLength(1);
});

test("what could not be sent is sent by the next page, with the same id and the right age", async () => {
  answers = [unreachable, unreachable, unreachable];
  void track("add_to_cart", { item_id: "SKU-1" });
  await vi.advanceTimersByTimeAsync(60_000);
  open();
  await vi.advanceTimersByTimeAsync(10);
  const [first, last] = [sent[0]!.events[0]!, sent.at(-1)!.events[0]!];
  expect([last.event_id, last.type, sent.length]).toEqual([first.event_id, "add_to_cart", 4]);
  expect(last.age_ms).toBeGreaterThanOrEqual(60_000);
  open();
  await vi.advanceTimersByTimeAsync(10);
  expect(sent).toHaveLength(4);
});

test("once the network is back, what waits goes out", async () => {
  answers = [unreachable, unreachable, unreachable];
  void track("view_item");
  await vi.advanceTimersByTimeAsync(60_000);
  dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(10);
  expect(sent).toHaveLength(4);
  expect(localStorage).toHaveLength(0);
});

test("what waits is bounded in number and in age", async () => {
  answers = Array.from({ length: 500 }, () => unreachable);
  for (let number = 0; number < 150; number++) void track("view_item", { item_id: String(number) });
  await vi.advanceTimersByTimeAsync(60_000);
  const kept = () => JSON.parse(localStorage.getItem("vitrina_outbox")!) as { event: { item_id: string } }[];
  expect(kept().map(({ event }) => event.item_id)).toEqual(Array.from({ length: 100 }, (_, place) => String(place + 50)));
  vi.setSystemTime(Date.now() + 25 * 3600 * 1000);
  sent = [];
  open();
  await vi.advanceTimersByTimeAsync(10);
  expect(sent).toHaveLength(0);
});

test.each(["not json", "[1]", "{}", '[{"event":null}]'])("somebody else's %s in storage does no harm", async (value) => {
  localStorage.setItem("vitrina_outbox", value);
  track = open();
  await expect(track("view_item")).resolves.toBe(true);
});

test("an order counts once however often its page is loaded", async () => {
  await track("purchase", { transaction_id: "T-1" });
  track = open();
  await track("purchase", { transaction_id: "T-1" });
  expect(sent[0]!.events[0]!.event_id).toBe(sent[1]!.events[0]!.event_id);
});

test("without consent nothing is sent and nothing is stored", async () => {
  granted = false;
  await expect(track("view_item")).resolves.toBe(false);
  await vi.advanceTimersByTimeAsync(10);
  expect([sent.length, localStorage.length]).toEqual([0, 0]);
});
