import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTrack, type Track } from "../src/events";

const identity = { shopperId: () => "shopper-1", sessionId: () => "session-1", identify: () => false };
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
  track = createTrack({ key: "vpk_1", api: "https://api.example" }, identity);
});

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
    event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
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

test("a hundred and one events make two requests", async () => {
  await Promise.all(Array.from({ length: 101 }, () => track("view_item")));
  expect(sent.map(({ events }) => events.length)).toEqual([100, 1]);
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

test.each([400, 401, 403, 413, 422])("status %d is final", async (status) => {
  answers = [failed(status)];
  await expect(track("view_item")).resolves.toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(1);
});

test("after three attempts it is given up, without an error", async () => {
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
  expect(bodies.map(({ events }) => events[0].type).sort()).toEqual(["purchase", "view_item"]);
  expect(sent).toHaveLength(1);
});
