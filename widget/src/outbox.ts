/**
 * Events on their way to the server. They stay in localStorage until the server has answered, so that a reload, an hour
 * without a network or a closed tab loses none; sending one twice counts once, for each carries its own id.
 */

import { openStorage } from "./storage";

export interface Sent {
  event: { event_id: string; [field: string]: unknown };
  /** When it happened, by this browser's clock. */
  at: number;
}

export interface Outbox {
  /** Those that wait, oldest first. */
  waiting: Sent[];
  /** Those of earlier pages wait too. */
  recover(): void;
  /** Throws where JSON cannot write it. */
  add(sent: Sent): void;
  /** The server has answered for these. */
  remove(batch: Sent[]): void;
  clear(): void;
}

const NAME = "vitrina_outbox";
const MOST = 100;
const LONGEST_MS = 24 * 3600 * 1000; // the server knows an event again for 48 hours

export function openOutbox(granted: () => boolean): Outbox {
  const storage = openStorage(() => localStorage, granted);
  const outbox: Outbox = {
    waiting: [],
    recover: () => void (outbox.waiting = read()),
    add(sent) {
      write([...read(), sent]); // first, for it refuses what can never be sent
      outbox.waiting = [...outbox.waiting, sent].slice(-MOST);
    },
    remove(batch) {
      const stays = (sent: Sent) => !batch.some(({ event }) => event.event_id === sent.event.event_id);
      outbox.waiting = outbox.waiting.filter(stays);
      write(read().filter(stays)); // read anew: another tab has its own in there
    },
    clear() {
      outbox.waiting = [];
      write([]);
    },
  };

  function read(): Sent[] {
    try {
      const kept = JSON.parse(storage.get(NAME) ?? "[]") as Sent[];
      return kept.filter(({ event, at }) => event.event_id && Date.now() - at < LONGEST_MS);
    } catch {
      return []; // somebody else wrote there
    }
  }

  function write(kept: Sent[]): void {
    storage.set(NAME, kept.length ? JSON.stringify(kept.slice(-MOST)) : null);
  }

  return outbox;
}
