/** Prices in the language of the page and the currency of the item. */

const formats: Record<string, Intl.NumberFormat> = {}; // making one costs more than using it a hundred times

/** The price as shoppers read it, such as "19,90 €"; without a usable currency the number alone. */
export function formatPrice(price: number, currency: string | null | undefined, language: string): string {
  return (formats[`${language} ${currency}`] ??= numberFormat(currency, language)).format(price);
}

/** Has the browser read what its first price needs, while the answer with it is on its way. */
export function prepareFormats(): void {
  // It takes 20 ms in one piece. Half of that is for the names of locales: asked for before, it is a task of its own
  setTimeout(() => new Intl.Locale("en-u-nu"));
  setTimeout(() => new Intl.NumberFormat("en"));
}

function numberFormat(currency: string | null | undefined, language: string): Intl.NumberFormat {
  // Both come from other people's pages and files: `lang="en_GB"` and "EURO" make Intl throw, as does no currency
  const options: Intl.NumberFormatOptions = /^[a-z]{3}$/i.test(currency!) ? { style: "currency", currency: currency! } : { minimumFractionDigits: 2 };
  try {
    return new Intl.NumberFormat(language, options);
  } catch {
    return new Intl.NumberFormat([], options); // the browser's own language is never refused
  }
}
