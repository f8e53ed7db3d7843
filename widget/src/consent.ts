/**
 * Whether the shopper agreed to be recognised. A browser that says no by Global Privacy Control or Do Not Track is
 * believed over everything else; otherwise the last word counts: of the script tag, of Google Consent Mode, of the shop.
 */

export type Answer = "granted" | "denied";

export interface Consent {
  granted(): boolean;
  /** The word of the shop or of its consent banner. */
  give(answer: Answer): void;
}

/** `first`: whether there is consent until somebody says a word; `onChange` is called after it was given or taken back. */
export function createConsent(first: boolean, onChange: () => void): Consent {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  const refused = globalPrivacyControl || doNotTrack === "1";
  let agreed = first;
  const granted = () => agreed && !refused;
  return {
    granted,
    give(next) {
      const before = granted();
      agreed = next === "granted"; // whatever is not a clear yes is a no
      if (granted() !== before) onChange();
    },
  };
}
