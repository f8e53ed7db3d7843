/** Asks for lists: every question of a page that comes up at once travels in one request. */

import type { Identity } from "./identity";
import { addressOf, type Script } from "./script";

export interface Question {
  placement: string;
  item_id: string[];
  limit: number;
  category?: string;
}

export interface Item {
  item_id: string;
  title: string;
  url?: string | null;
  image_url?: string | null;
  price?: number | null;
  sale_price?: number | null;
  currency?: string | null;
  reason?: { code: string; text: string } | null;
}

export interface Answer {
  recommendation_id: string;
  strategy: string;
  items: Item[];
}

export type Recommend = (question: Question) => Promise<Answer>;

const BATCH_SIZE = 10; // what the API takes at once
const TIMEOUT_MS = 4000; // a list that comes later than this is of no use to anyone
const PARSING_PAUSE_MS = 50; // while the page is still being parsed, more elements are likely to follow

interface Waiting {
  question: Question;
  resolve(answer: Answer): void;
  reject(reason: unknown): void;
}

/** Returns the function that asks; its promise is rejected when no usable answer came in time. */
export function createRecommend(script: Script, identity: Identity): Recommend {
  let waiting: Waiting[] = [];

  function flush(): void {
    const asked = waiting;
    waiting = [];
    for (let first = 0; first < asked.length; first += BATCH_SIZE) void ask(asked.slice(first, first + BATCH_SIZE));
  }

  async function ask(batch: Waiting[]): Promise<void> {
    try {
      const who = { shopper_id: identity.shopperId(), session_id: identity.sessionId() };
      const requests = batch.map(({ question }) => ({ ...question, ...who }));
      const response = await fetch(addressOf(script, "recommendations/batch"), {
        method: "POST",
        body: JSON.stringify({ requests }), // a string travels as text/plain
        credentials: "omit",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      // one question that the API refuses must not take the others of the page with it
      if (response.status === 422 && batch.length > 1) return batch.forEach((one) => void ask([one]));
      if (!response.ok) throw new Error(`Vitrina answered ${response.status}`);
      const { responses } = (await response.json()) as { responses: Answer[] };
      batch.forEach(({ resolve, reject }, place) => {
        const answer = responses[place];
        if (Array.isArray(answer?.items)) resolve(answer);
        else reject(new Error("Vitrina sent no list"));
      });
    } catch (reason) {
      for (const { reject } of batch) reject(reason);
    }
  }

  return (question) =>
    new Promise((resolve, reject) => {
      if (!waiting.length) {
        if (document.readyState === "loading") setTimeout(flush, PARSING_PAUSE_MS);
        else queueMicrotask(flush);
      }
      waiting.push({ question, resolve, reject });
    });
}
