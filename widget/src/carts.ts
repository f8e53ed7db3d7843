/** Products put into the cart by the forms and buttons of Shopify's and WooCommerce's themes. */

import type { Payload } from "./events";
import { pageItem } from "./page";

export function watchCarts(onAdd: (payload: Payload) => void, stopped: AbortSignal): void {
  const options = { capture: true, passive: true, signal: stopped };
  document.addEventListener("submit", attempting(submitted), options);
  document.addEventListener("click", attempting(clicked), options);

  function submitted(form: HTMLFormElement): void {
    if (!form.matches('form[action*="/cart/add"],form.cart')) return;
    // beside the page's own form there may be small ones, for other products: they stand in cards and lists
    if (form.closest("li,vitrina-recommendations")) return;
    const quantity = Number(new FormData(form).get("quantity")) || 1;
    const item_id = pageItem();
    if (item_id) onAdd({ items: [{ item_id, quantity }] });
  }

  function clicked(target: Element): void {
    const button = target.closest<HTMLElement>(".ajax_add_to_cart[data-product_id]");
    const item_id = button?.dataset.product_sku || button?.dataset.product_id;
    if (item_id) onAdd({ items: [{ item_id, quantity: Number(button?.dataset.quantity) || 1 }] });
  }
}

/** Whatever is wrong here must not come between a shopper and the cart. */
function attempting<Kind extends Element>(step: (target: Kind) => void): EventListener {
  return ({ target }) => {
    try {
      step(target as Kind);
    } catch {
      // a form that reads differently than its platform's
    }
  };
}
