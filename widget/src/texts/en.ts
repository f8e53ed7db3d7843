import type { Texts } from "../texts";

export const en: Texts = {
  previous: "Previous",
  next: "Next",
  was: "was",
  now: "now",
  title: "You may also like",
  titles: {
    home: "Recommended for you",
    "product-page": "You may also like",
    cart: "Goes well with your cart",
    category: "Recommended in this category",
    "search-empty": "You might like these instead",
    "order-confirmation": "You might like next",
  },
};
