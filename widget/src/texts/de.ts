import { words } from "./words";

export const de = words(
  "Zurück",
  "Weiter",
  "vorher",
  "jetzt",
  "Karussell",
  "Für Sie empfohlen",
  "Das könnte Ihnen auch gefallen",
  "Passt zu Ihrem Warenkorb",
);
