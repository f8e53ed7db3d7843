/** Asks for lists: every question of a page that comes up at once travels in one request. */

import { addressOf, type Script } from "./script";

export interface Question {
  placement: string;
  item_id: string[];
  limit: number;
  /** Of the reasons, as BCP 47 writes it. */
  lang: string;
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

export interface Answer extends Shown {
  strategy: string;
  items: Item[];
}

/** What is told of an answer that is in the page. */
export interface Shown {
  recommendation_id: string;
  strategy?: string;
  items: Pick<Item, "item_id">[];
}

/** What is known of whoever asks: ids, or without consent what was looked at in this tab. */
export interface Asker {
  shopper_id?: string;
  session_id?: string;
  anonymous_id?: string;
  consent?: "denied";
  recent_item_id?: string[];
}

/** The promise is rejected when no usable answer came in time. */
export type Recommend = (question: Question) => Promise<Answer>;

const BATCH_SIZE = 10; // what the API takes at once
const TIMEOUT_MS = 4000; // a list that comes later than this is of no use to anyone
const PARSING_PAUSE_MS = 50; // while the page is still being parsed, more elements are likely to follow; then none

interface Waiting {
  question: Question;
  resolve(answer: Answer): void;
  reject(reason: unknown): void;
}

export function createRecommend(script: Script, asker: () => Asker): Recommend {
  const waiting: Waiting[] = [];

  function flush(): void {
    while (waiting.length) void ask(waiting.splice(0, BATCH_SIZE));
  }

  async function ask(batch: Waiting[]): Promise<void> {
    try {
      const who = asker();
      const requests = batch.map(({ question }) => {
        // a list that goes by no product goes by what was looked at, as it would for a shopper with an id
        return { ...question, item_id: question.item_id.length ? question.item_id : (who.recent_item_id ?? []), ...who };
      });
      const response = await fetch(addressOf(script, "recommendations/batch"), {
        method: "POST",
        body: JSON.stringify({ requests }), // a string travels as text/plain
        credentials: "omit",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      // one question that the API refuses must not take the others of the page with it
      if (response.status === 422 && batch.length > 1) return batch.forEach((one) => void ask([one]));
      const { responses } = (await response.json()) as { responses: Answer[] }; // of an error there are none
      for (const { resolve, reject } of batch) {
        const answer = responses.shift();
        if (answer?.items) resolve(answer);
        else reject(0);
      }
    } catch (reason) {
      for (const { reject } of batch) reject(reason);
    }
  }

  return (question) =>
    new Promise((resolve, reject) => {
      if (!waiting.length) setTimeout(flush, document.readyState === "loading" ? PARSING_PAUSE_MS : 0);
      waiting.push({ question, resolve, reject });
    });
}
