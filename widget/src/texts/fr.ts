import { words } from "./words";

export const fr = words(
  "Précédent",
  "Suivant",
  "avant",
  "maintenant",
  "carrousel",
  "Recommandé pour vous",
  "Vous aimerez aussi",
  "Va bien avec votre panier",
);
