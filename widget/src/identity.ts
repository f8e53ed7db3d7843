/**
 * Who is looking: a random id of this browser (localStorage), the shop's own id once the shopper is known, and a
 * random id of this visit (sessionStorage). Where storage is closed to us, ids last as long as the page.
 */

const SHOPPER = "vitrina_shopper";
const KNOWN = "vitrina_known_shopper";
const SESSION = "vitrina_session";

export interface Identity {
  shopperId(): string;
  sessionId(): string;
  /** Names the shopper, or forgets the name with null; true if that changed who is looking. */
  identify(shopperId: string | null): boolean;
}

export function createIdentity(): Identity {
  const lasting = openStorage(() => localStorage);
  const visit = openStorage(() => sessionStorage);
  return {
    shopperId: () => lasting.get(KNOWN) ?? lasting.getOrMake(SHOPPER),
    sessionId: () => visit.getOrMake(SESSION),
    identify(shopperId) {
      const known = lasting.get(KNOWN);
      if (known === (shopperId || null)) return false;
      lasting.set(KNOWN, shopperId || null);
      // whoever uses this browser next starts as nobody, not as the guest that the known shopper was before
      if (!shopperId) lasting.set(SHOPPER, null);
      return true;
    },
  };
}

function openStorage(storage: () => Storage) {
  const memory = new Map<string, string | null>(); // also spares a storage read per event
  function get(name: string): string | null {
    if (memory.has(name)) return memory.get(name) ?? null;
    try {
      return storage().getItem(name);
    } catch {
      return null;
    }
  }
  function set(name: string, value: string | null): void {
    memory.set(name, value);
    try {
      if (value === null) storage().removeItem(name);
      else storage().setItem(name, value);
    } catch {
      // private mode, a full quota or a blocked third party: memory has to do
    }
  }
  function getOrMake(name: string): string {
    const found = get(name);
    if (found) return found;
    const made = randomId();
    set(name, made);
    return made;
  }
  return { get, set, getOrMake };
}

/** A random UUID; `crypto.randomUUID` is missing on pages without https. */
export function randomId(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
