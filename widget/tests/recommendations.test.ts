import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRecommend, type Question, type Recommend } from "../src/recommendations";
import { scriptOf } from "../src/script";

const script = scriptOf("vpk_1", "https://api.example")!;
const question = (placement: string): Question => ({ placement, item_id: ["SKU-1"], limit: 8, lang: "en" });
let asked: { placement: string }[][];
let answer: (requests: { placement: string }[]) => Response;
let recommend: Recommend;

beforeEach(() => {
  asked = [];
  answer = (requests) =>
    Response.json({
      responses: requests.map(({ placement }) => ({ recommendation_id: placement, strategy: "popular", items: [] })),
    });
  vi.stubGlobal("fetch", async (_address: string, { body }: { body: string }) => {
    asked.push(JSON.parse(body).requests);
    return answer(asked.at(-1)!);
  });
  recommend = createRecommend(script, () => ({ shopper_id: "shopper-1", session_id: "session-1" }));
});

afterEach(() => vi.unstubAllGlobals());

test("the questions of a page travel in one request and get their own answers", async () => {
  const answers = await Promise.all(["home", "cart"].map((placement) => recommend(question(placement))));
  expect(answers.map(({ recommendation_id }) => recommendation_id)).toEqual(["home", "cart"]);
  expect(asked).toHaveLength(1);
  expect(asked[0]![0]).toEqual({ ...question("home"), shopper_id: "shopper-1", session_id: "session-1" });
});

test("more than ten questions are split as the API wants it", async () => {
  await Promise.all(Array.from({ length: 11 }, (_, place) => recommend(question(`p${place}`))));
  expect(asked.map((requests) => requests.length)).toEqual([10, 1]);
});

test("one question that is refused leaves the others", async () => {
  const whole = answer;
  answer = (requests) =>
    requests.some(({ placement }) => !placement) ? Response.json({}, { status: 422 }) : whole(requests);
  const outcomes = await Promise.allSettled(["home", "", "cart"].map((placement) => recommend(question(placement))));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("one list that failed leaves the others", async () => {
  answer = () => Response.json({ responses: [{ status: 422, title: "no" }, { recommendation_id: "r", items: [] }] });
  const [first, second] = await Promise.allSettled([recommend(question("x")), recommend(question("home"))]);
  expect([first!.status, second!.status]).toEqual(["rejected", "fulfilled"]);
});

test.each<[string, () => Response]>([
  ["an error", () => Response.json({}, { status: 503 })],
  ["a page", () => new Response("<!doctype html><h1>Login</h1>")],
  ["an unknown shape", () => Response.json({ data: [] })],
  ["nothing", () => new Response("null")],
])("%s instead of lists is a rejection", async (_name, response) => {
  answer = response;
  await expect(recommend(question("home"))).rejects.toThrow();
});

test("without consent a list goes by what was looked at in this tab", async () => {
  recommend = createRecommend(script, () => ({ consent: "denied", recent_item_id: ["A", "B"] }));
  await Promise.all([recommend(question("product-page")), recommend({ ...question("home"), item_id: [] })]);
  const denied = { consent: "denied", recent_item_id: ["A", "B"] };
  expect(asked[0]).toEqual([
    { ...question("product-page"), ...denied },
    { ...question("home"), item_id: ["A", "B"], ...denied },
  ]);
});
