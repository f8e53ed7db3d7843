/**
 * Shopify's customer events as Vitrina's. The pixel tells only what the shop's pages cannot, the search and the order: views
 * and carts come from the widget, and would count twice.
 */

/** The event for Vitrina, or null. Ids are SKUs, as the product export has them, else the variant's number. */
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

const idOf = (variant) => String(variant?.sku || variant?.id || "");
