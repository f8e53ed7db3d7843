/**
 * Who is looking: a random id of this browser (localStorage), the shop's own id once the shopper is known, and a
 * random id of this visit (sessionStorage). Without consent nobody: no id is made, and what was kept is removed.
 */

import { openStorage } from "./storage";

const SHOPPER = "vitrina_shopper";
const KNOWN = "vitrina_known_shopper";
const SESSION = "vitrina_session";

/** The fields that say whose event or question it is. */
export interface Who {
  shopper_id?: string;
  session_id?: string;
  /** What this browser was called before its shopper was known: the two are one person. */
  anonymous_id?: string;
}

export interface Identity {
  who(): Who;
  /** Names the shopper, or forgets the name with null; true if that changed who is looking. */
  identify(shopperId: string | null): boolean;
  /** Removes every id from this browser. */
  forget(): void;
}

export function createIdentity(granted: () => boolean): Identity {
  const lasting = openStorage(() => localStorage, granted);
  const visit = openStorage(() => sessionStorage, granted);
  return {
    who() {
      if (!granted()) return {};
      const known = lasting.get(KNOWN);
      const guest = lasting.get(SHOPPER) ?? (known ? null : made(lasting, SHOPPER, "guest-"));
      const session = visit.get(SESSION) ?? made(visit, SESSION);
      return { shopper_id: known ?? guest!, session_id: session, ...(known && guest && { anonymous_id: guest }) };
    },
    identify(shopperId) {
      const known = lasting.get(KNOWN);
      const next = shopperId ? String(shopperId) : null;
      if (known === next) return false;
      lasting.set(KNOWN, next);
      // whoever uses this browser next starts as nobody, not as the guest that the known shopper was before
      if (known) lasting.set(SHOPPER, null);
      return granted();
    },
    forget() {
      lasting.set(SHOPPER, null);
      lasting.set(KNOWN, null);
      visit.set(SESSION, null);
    },
  };
}

function made(storage: ReturnType<typeof openStorage>, name: string, prefix = ""): string {
  const id = prefix + randomId();
  storage.set(name, id);
  return id;
}

/** 128 random bits in 32 hexadecimal digits; `crypto.randomUUID` is missing on pages without https. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).reduce((id, part) => id + part.toString(16).padStart(8, "0"), "");
}
