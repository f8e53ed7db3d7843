/** One product: image, title, price and the reason why it is shown. */

import { make } from "./elements";
import { sourcesOf } from "./images";
import { safeUrl } from "./links";
import { formatPrice } from "./prices";
import type { Item } from "./recommendations";
import { fillTemplate } from "./template";
import type { Texts } from "./texts";

export interface CardOptions {
  locale: string;
  texts: Texts;
  /** The shop's own markup, if it has given any. */
  template?: HTMLTemplateElement | null;
  /** The shop's pattern for pictures of other widths, see images.ts. */
  images?: string | null;
}

/** The parts of a card, in order. Without an item they are empty and keep their size: the skeleton. */
export function createCard(item: Item | null, options: CardOptions): Node[] {
  const image = createImage(item, options);
  const title = createTitle(item);
  const price = make("span", "price", {}, ...(item ? createPrice(item, options) : []));
  const reason = make("span", "reason", {}, item?.reason?.text ?? "");
  if (options.template) return fillTemplate(options.template, item, { __proto__: null!, image, title, price, reason });
  return [image, make("div", "text", {}, title, price, reason)];
}

function createTitle(item: Item | null): HTMLElement {
  const url = safeUrl(item?.url);
  return make(url ? "a" : "span", "title", url ? { href: url } : {}, item?.title ?? "");
}

function createImage(item: Item | null, { images = null }: CardOptions): HTMLElement {
  const box = make("span", "image");
  if (!item) return box;
  const address = safeUrl(item.image_url);
  if (!address) return showInitials(box, item);
  // The title stands beside the image as text: a second reading of it would only be in the way
  const image = make("img", "photo", { alt: "", width: 400, height: 500, loading: "lazy" });
  image.onerror = () => showInitials(box, item);
  const sources = sourcesOf(address, images);
  if (sources) {
    image.sizes = "(max-width:570px) 38vw,216px"; // a card's width, see --card in styles.css
    image.srcset = sources;
  }
  image.src = address;
  box.append(image);
  return box;
}

/** A product without a picture shows its initials on a tile. */
function showInitials(box: HTMLElement, item: Item): HTMLElement {
  const words = item.title.match(/[\p{L}\p{N}]+/gu) ?? [];
  const initials = words.slice(0, 2).map((word) => [...word][0]);
  // Drawn by the stylesheet from the attribute: not text to be read, found or translated
  const tile = make("span", "initials", { "data-initials": initials.join("").toUpperCase(), "aria-hidden": true });
  box.replaceChildren(tile);
  return box;
}

function createPrice(item: Item, { locale, texts }: CardOptions): (Node | string)[] {
  const { price, sale_price: sale } = item;
  if (price == null) return [];
  const show = (amount: number) => formatPrice(amount, item.currency, locale);
  if (!sale || sale >= price) return [show(price)];
  return [
    make("span", "hidden", {}, `${texts.now} `),
    make("span", "sale", {}, show(sale)),
    make("span", "hidden", {}, `, ${texts.was} `),
    make("s", "was", {}, show(price)),
  ];
}
