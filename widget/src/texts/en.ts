import { words } from "./words";

export const en = words(
  "Previous",
  "Next",
  "was",
  "now",
  "carousel",
  "Recommended for you",
  "You may also like",
  "Goes well with your cart",
);
