import { words } from "./words";

export const pl = words(
  "Poprzednie",
  "Następne",
  "wcześniej",
  "teraz",
  "karuzela",
  "Polecane dla Ciebie",
  "Może Ci się też spodobać",
  "Pasuje do Twojego koszyka",
);
