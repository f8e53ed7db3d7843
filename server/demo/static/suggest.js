/**
 * Search as one types: a combobox with a list (ARIA Authoring Practices). Arrow keys walk, Enter opens, Escape closes;
 * without a choice Enter goes to the page of results, as it would without this script.
 */

import { wrap } from "./papers.js";

const PAUSE_MS = 120; // about the time between two keys of a quick typist: most words cost one request
const SHORTEST = 2;
const MOST = 7;

/** Turns a search form into a combobox. */
export function suggest(form, { home, key }) {
  const input = form.querySelector("input[type=search]");
  const list = make("div", { id: "found", class: "found", role: "listbox", "aria-label": "Products", hidden: "" });
  const status = make("span", { class: "unseen", role: "status" });
  form.append(list, status);
  set(input, { role: "combobox", "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list" });

  let waiting = 0;
  let asking = null;
  let chosen = -1;

  const addressOf = (itemId) => `${home}/products/${encodeURIComponent(itemId)}`;
  const resultsOf = (words) => `${home}/search?q=${encodeURIComponent(words)}`;

  function close() {
    clearTimeout(waiting);
    asking?.abort();
    list.hidden = true;
    choose(-1);
    input.setAttribute("aria-expanded", "false");
  }

  function choose(place) {
    const options = [...list.children];
    chosen = place;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === place)));
    if (place < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", options[place].id);
    options[place].scrollIntoView({ block: "nearest" });
  }

  async function ask() {
    const words = input.value.trim();
    asking?.abort();
    asking = new AbortController();
    const query = new URLSearchParams({ q: words, limit: MOST, key });
    try {
      const answer = await fetch(`/v1/search?${query}`, { signal: asking.signal, credentials: "omit" });
      if (!answer.ok) return close();
      const { items } = await answer.json();
      show(items.slice(0, MOST), words);
    } catch {
      // overtaken by the next key, or no network: the form still works
    }
  }

  function show(items, words) {
    if (!items.length) {
      close();
      status.textContent = "No suggestions";
      return;
    }
    const options = items.map((item) => optionFor(item, words));
    const all = make("div", { class: "found-all", role: "option" }, make("span", { class: "found-all" }, `All for “${words}”`));
    all.dataset.address = resultsOf(words);
    list.replaceChildren(...options, all);
    [...list.children].forEach((option, at) => set(option, { id: `found-${at}` }));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    choose(-1);
    status.textContent = `${items.length} suggestion${items.length === 1 ? "" : "s"}`;
  }

  function optionFor(item, words) {
    const option = make("div", { role: "option" }, pictureOf(item), titleOf(item.title, words), make("span", {}, priceOf(item)));
    option.dataset.address = addressOf(item.item_id);
    return option;
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    if (input.value.trim().length < SHORTEST) return close();
    waiting = setTimeout(ask, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown") choose(chosen >= last ? 0 : chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen <= 0 ? last : chosen - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && chosen >= 0) location.assign(list.children[chosen].dataset.address);
    else return;
    event.preventDefault();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) location.assign(option.dataset.address);
  });
  form.addEventListener("focusout", ({ relatedTarget }) => form.contains(relatedTarget) || close());
}

function pictureOf({ image_url: image, title }) {
  if (image && /^(https?:\/\/|\/(?!\/))/.test(image)) return make("img", { src: image, alt: "" });
  const paper = make("span", { class: "paper" });
  void wrap(paper, title);
  return paper;
}

/** The title with the beginning of words that match what was typed set off. */
function titleOf(title, words) {
  const shown = make("span", {});
  const typed = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const part of title.split(/(\s+)/)) {
    const hit = typed.find((word) => part.toLowerCase().startsWith(word));
    if (hit) shown.append(make("mark", {}, part.slice(0, hit.length)), part.slice(hit.length));
    else shown.append(part);
  }
  return shown;
}

function priceOf({ price, sale_price: sale, currency }) {
  const amount = sale ?? price;
  if (amount == null) return "";
  try {
    return new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency }).format(amount);
  } catch {
    return String(amount);
  }
}

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
