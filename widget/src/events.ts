/** Sends what shoppers do. Events of one turn of the page travel together, one request after the other. */

import type { Consent } from "./consent";
import { type Identity, randomId } from "./identity";
import { openOutbox, type Sent } from "./outbox";
import { whenRead } from "./reading";
import { addressOf, type Script } from "./script";

export type Payload = Record<string, unknown>;

/** The promise tells whether the server accepted the event; it is never rejected. Without consent nothing is sent. */
export type Track = (type: string, payload?: Payload) => Promise<boolean>;

export interface Events {
  track: Track;
  /** Drops what waits, here and in storage. */
  forget(): void;
}

const BATCH_SIZE = 20;
const KEEPALIVE_CHARACTERS = 20_000; // browsers refuse more than 64 KiB of keepalive bodies in flight, all together
const RETRY_MS = 2000;
const LONGEST_MS = 300_000; // of what a server may ask us to wait
const ATTEMPTS = 8; // in about five minutes
const ATTEMPTS_UNANSWERED = 3; // no network, or a blocker: the browser's "online", the next event or page tries again

export function createEvents(script: Script, identity: Identity, consent: Consent, stopped: AbortSignal): Events {
  const address = addressOf(script, "events");
  const outbox = openOutbox(consent.granted);
  const outcomes = new Map<string, (accepted: boolean) => void>();
  let flying: Sent[] = [];
  let timer: ReturnType<typeof setTimeout> | 0 = 0;
  let attempts = 0;

  async function send(): Promise<void> {
    if (flying.length || timer || !outbox.waiting.length) return;
    const batch = outbox.waiting.slice(0, BATCH_SIZE);
    flying = batch;
    const body = bodyOf(batch);
    let status = 0; // no answer
    let wait_s = 0;
    let rejected: { index: number }[] = [];
    try {
      const keepalive = body.length < KEEPALIVE_CHARACTERS;
      const response = await fetch(address, { method: "POST", body, keepalive, credentials: "omit" });
      if (response.ok) rejected = ((await response.json()) as { rejected?: typeof rejected }).rejected ?? [];
      wait_s = Number(response.headers.get("retry-after")) || 0; // 0 for a date
      status = response.status;
    } catch {
      // an answer that cannot be read counts as none: the ids make another attempt harmless
    }
    flying = [];
    attempts++;
    if (!status || status === 408 || status === 429 || status >= 500) return later(status, wait_s);
    attempts = 0;
    outbox.remove(batch);
    batch.forEach((sent, place) => settle(sent, status < 300 && !rejected.some(({ index }) => index === place)));
    void send();
  }

  function later(status: number, wait_s: number): void {
    if (attempts >= (status ? ATTEMPTS : ATTEMPTS_UNANSWERED)) {
      return outbox.waiting.forEach((sent) => settle(sent, false));
    }
    const pause_ms = Math.max(RETRY_MS * 2 ** (attempts - 1), Math.min(1000 * wait_s, LONGEST_MS));
    timer = setTimeout(again, pause_ms * (1 + Math.random() / 2)); // never sooner than the server asked for
  }

  function again(): void {
    clearTimeout(timer);
    timer = 0;
    void send();
  }

  function settle({ event }: Sent, accepted: boolean): void {
    outcomes.get(event.event_id)?.(accepted);
    outcomes.delete(event.event_id);
  }

  /** A beacon gives no answer: its events stay in storage, and the next page sends them again, which counts once. */
  function leave(): void {
    let left = outbox.waiting.filter((sent) => !flying.includes(sent));
    while (left.length && navigator.sendBeacon(address, bodyOf(left.slice(0, BATCH_SIZE)))) {
      left = left.slice(BATCH_SIZE);
    }
    outbox.waiting = [...flying, ...left];
  }

  addEventListener("pagehide", leave, { signal: stopped });
  addEventListener("online", () => ((attempts = 0), again()), { signal: stopped });
  // what earlier pages could not send; read later, for the first look into storage is a slow one
  whenRead(() => setTimeout(() => (outbox.recover(), send())));

  return {
    async track(type, payload = {}) {
      if (!consent.granted() || stopped.aborted) return false;
      // An order is told on each load of its page; its number makes it count once
      const order = type === "purchase" && payload.transaction_id;
      const event = { event_id: order ? `purchase-${order}`.slice(0, 128) : randomId(), ...identity.who(), ...payload, type };
      return new Promise<boolean>((resolve) => {
        outbox.add({ event, at: Date.now() });
        outcomes.set(event.event_id, resolve);
        queueMicrotask(send);
      }).catch(() => false); // JSON knows no circles and no BigInt
    },
    forget: outbox.clear,
  };
}

function bodyOf(batch: Sent[]): string {
  // The server's clock tells when it was: browsers' clocks are often wrong
  return JSON.stringify({ events: batch.map(({ event, at }) => ({ age_ms: Math.max(0, Date.now() - at), ...event })) });
}
