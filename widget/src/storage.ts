/** What is kept in the browser. Without consent, or where storage is closed to us, everything lasts as long as the page. */

import { whenRead } from "./reading";

export interface Kept {
  get(name: string): string | null;
  set(name: string, value: string | null): void;
}

/** `allowed` is asked at each use, so that a consent given or taken back counts at once. */
export function openStorage(storage: () => Storage, allowed: () => boolean): Kept {
  const memory = new Map<string, string | null>();
  return {
    get(name) {
      let kept;
      try {
        kept = allowed() && storage().getItem(name);
      } catch {
        // see below
      }
      return kept || memory.get(name) || null;
    },
    set(name, value) {
      memory.set(name, value);
      if (document.readyState === "loading") write(name, null); // what was there does not hold any more
      whenRead(() => write(name, memory.get(name)!)); // it may have changed by then
    },
  };

  function write(name: string, value: string | null): void {
    try {
      if (value === null) storage().removeItem(name);
      else if (allowed()) storage().setItem(name, value);
    } catch {
      // private mode, a full quota or a blocked third party: memory has to do
    }
  }
}
