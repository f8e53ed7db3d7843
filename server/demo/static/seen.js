/** The panel "How Vitrina sees you": what this browser told in this visit, and how the lists of the page were made. */

const MOST = 8;
const { home, shopper } = document.body.dataset;
const DRAWER = `vitrina-demo-told ${home} ${shopper}`;
const WORDS = {
  view_item: "Looked at",
  add_to_wishlist: "Liked",
  remove_from_wishlist: "No longer likes",
  add_to_cart: "Put into the cart",
  remove_from_cart: "Took out of the cart",
  view_cart: "Looked into the cart",
  begin_checkout: "Went to the checkout",
  purchase: "Placed a pretend order",
  search: "Searched for",
};

const lists = new Map();
show("told", told());

/** Adds one event to the panel. */
export function remember(type, title) {
  const line = `${WORDS[type] ?? type} ${title ?? ""}`.trim();
  const lines = [line, ...told().filter((other) => other !== line)].slice(0, MOST);
  try {
    sessionStorage.setItem(DRAWER, JSON.stringify(lines));
  } catch {
    // without storage the panel tells of this page only
  }
  show("told", lines);
}

/** Adds how one list was made. */
export function showLists({ placement, strategy, count }) {
  lists.set(placement, `${placement}: ${strategy ?? "unknown"}, ${count} products`);
  show("lists", [...lists.values()]);
}

function told() {
  try {
    const lines = JSON.parse(sessionStorage.getItem(DRAWER) ?? "[]");
    return Array.isArray(lines) ? lines.map(String) : [];
  } catch {
    return [];
  }
}

function show(name, lines) {
  const list = document.querySelector(`[data-seen="${name}"]`);
  if (!lines.length || !list) return;
  list.replaceChildren(
    ...lines.map((line) => {
      const shown = document.createElement("li");
      shown.textContent = line;
      return shown;
    }),
  );
}
