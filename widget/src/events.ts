/**
 * Sends what shoppers do. Events of one turn of the page travel together; each carries an id made here, so that sending
 * one twice counts once.
 */

import { type Identity, randomId } from "./identity";
import { addressOf, type Script } from "./script";

export type Payload = Record<string, unknown>;

/** The promise tells whether the server accepted the event; it is never rejected. */
export type Track = (type: string, payload?: Payload) => Promise<boolean>;

interface Queued {
  event: Payload;
  at: number;
  settle(accepted: boolean): void;
}

interface Accepted {
  rejected?: { index: number }[];
}

const BATCH_SIZE = 100;
const ATTEMPTS = 3;
const RETRY_MS = 2000;
const KEEPALIVE_CHARACTERS = 20_000; // browsers refuse more than 64 KiB of keepalive bodies in flight, all together

export function createTrack(script: Script, identity: Identity): Track {
  const address = addressOf(script, "events");
  let queue: Queued[] = [];
  const paused = new Set<Queued[]>(); // batches that wait for their next attempt

  function flush(): void {
    const events = queue;
    queue = [];
    for (let first = 0; first < events.length; first += BATCH_SIZE) void send(events.slice(first, first + BATCH_SIZE), 1);
  }

  async function send(batch: Queued[], attempt: number): Promise<void> {
    paused.delete(batch);
    const body = bodyOf(batch);
    let status = 0; // no answer
    try {
      const keepalive = body.length < KEEPALIVE_CHARACTERS;
      const response = await fetch(address, { method: "POST", body, keepalive, credentials: "omit" });
      status = response.status;
      if (response.ok) return settle(batch, (await response.json()) as Accepted);
    } catch {
      // an answer that cannot be read counts as none: the ids make another attempt harmless
    }
    const mayPass = status < 300 || status === 408 || status === 429 || status >= 500;
    if (!mayPass || attempt >= ATTEMPTS) return batch.forEach(({ settle }) => settle(false));
    paused.add(batch);
    setTimeout(() => paused.has(batch) && void send(batch, attempt + 1), RETRY_MS * attempt * (0.5 + Math.random()));
  }

  addEventListener("pagehide", () => {
    if (queue.length) paused.add(queue.splice(0));
    for (const batch of paused) if (navigator.sendBeacon(address, bodyOf(batch))) paused.delete(batch);
  });

  return (type, payload) =>
    new Promise((settle) => {
      if (!queue.length) queueMicrotask(flush);
      const ids = { event_id: randomId(), shopper_id: identity.shopperId(), session_id: identity.sessionId() };
      queue.push({ event: { ...ids, ...payload, type }, at: Date.now(), settle });
    });
}

function bodyOf(batch: Queued[]): string {
  // The server's clock tells when it was: browsers' clocks are often wrong
  return JSON.stringify({ events: batch.map(({ event, at }) => ({ age_ms: Math.max(0, Date.now() - at), ...event })) });
}

function settle(batch: Queued[], answer: Accepted): void {
  const rejected = new Set(answer.rejected?.map(({ index }) => index));
  batch.forEach(({ settle }, index) => settle(!rejected.has(index)));
}
