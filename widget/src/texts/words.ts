import type { Texts } from "../texts";

/** The words of one language in the order of the parameters: so written they take the least room in the script. */
export function words(
  previous: string,
  next: string,
  was: string,
  now: string,
  carousel: string,
  home: string,
  productPage: string,
  cart: string,
): Texts {
  return { previous, next, was, now, carousel, titles: { home, category: home, "product-page": productPage, cart } };
}
