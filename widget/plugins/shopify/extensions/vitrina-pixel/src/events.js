/**
 * Shopify's customer events as Vitrina's. The pixel tells only what the shop's pages cannot, the search and the order: views
 * and carts come from the widget, and would count twice.
 */

/** The event for Vitrina, or null. Ids are those that the import of the shop's product export gives. */
export function eventOf({ id, name, clientId, data }, shopperId) {
  const told = tell[name]?.(data);
  if (!told) return null;
  // the widget's own id of this browser, so that the order belongs to whoever saw the recommendations
  const who = shopperId ? { shopper_id: shopperId } : { session_id: `shopify-${clientId}` };
  return { event_id: `shopify-${id}`, ...who, ...told };
}

const tell = {
  search_submitted: ({ searchResult }) => ({ type: "search", search_term: searchResult.query }),
  checkout_completed: ({ checkout }) => {
    const order = String(checkout.order?.id ?? checkout.token);
    return {
      type: "purchase",
      event_id: `purchase-${order}`,
      transaction_id: order,
      value: checkout.totalPrice?.amount,
      currency: checkout.currencyCode,
      items: checkout.lineItems.map(({ variant, quantity }) => ({ item_id: idOf(variant), quantity, price: variant?.price?.amount })),
    };
  },
};

/** The SKU, else the product's handle and the variant's title, which is none, or its default, where there are no options. */
function idOf(variant) {
  const sku = variant?.sku?.trim();
  const handle = /\/products\/([^/?#]+)/.exec(variant?.product?.url)?.[1];
  if (sku || !handle) return sku || String(variant?.id ?? "");
  const title = variant.untranslatedTitle || variant.title || "Default Title";
  return decodeURIComponent(handle) + (title === "Default Title" ? "" : `-${title.replaceAll(" / ", "-")}`);
}
