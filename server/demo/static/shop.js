/**
 * Makes the shop's pages quicker where there is a script: likes and the cart without a new page, search as one types.
 * And tells Vitrina what the shopper does. Everything but the telling works without this file.
 */

import { wrapTiles } from "./papers.js";
import { remember, showLists } from "./seen.js";
import { suggest } from "./suggest.js";

const { home, key, events } = document.body.dataset;
const CURRENCY = document.body.dataset.currency;
const SAID_MS = 4000; // long enough to read one sentence twice

let renewed = "";

/** Until the widget's script is there, calls wait in the array that early.js made. */
function tell(type, payload, title) {
  window.vitrina.push(["track", type, payload]);
  remember(type, title || payload.search_term || "");
}

const said = document.querySelector(".said");
let hiding = 0;

function say(text) {
  said.textContent = text;
  said.classList.add("is-shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => said.classList.remove("is-shown"), SAID_MS);
}

/** Sends a form as the browser would, and brings the figures up to date; null if that failed. */
async function post(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const facts = await answer.json();
    for (const name of ["pieces", "likes"]) count(name, facts[name]);
    return facts;
  } catch {
    say("That did not work. Please try again.");
    return null;
  }
}

function count(name, number) {
  const shown = document.querySelector(`[data-count="${name}"]`);
  if (shown.textContent === String(number)) return;
  shown.textContent = number;
  shown.hidden = !number;
  shown.classList.remove("is-new");
  void shown.offsetWidth; // so that the movement begins anew
  shown.classList.add("is-new");
}

async function like(form, button) {
  const liked = button.value === "1";
  const facts = await post(form, button);
  if (!facts) return;
  button.value = liked ? "0" : "1";
  button.setAttribute("aria-pressed", String(liked));
  form.classList.toggle("is-new", liked);
  renewed = facts.message;
  say(facts.message);
  const items = [{ item_id: form.elements.item_id.value }];
  tell(liked ? "add_to_wishlist" : "remove_from_wishlist", { items }, form.dataset.title);
}

async function add(form, button) {
  const facts = await post(form, button);
  if (!facts) return;
  const quantity = Number(form.elements.add.value) || 1;
  renewed = facts.message;
  say(facts.message);
  tellCart("add_to_cart", form, quantity);
  const note = document.querySelector("[data-in-cart]");
  const shown = note.querySelector("span");
  shown.textContent = Math.min(Number(shown.textContent) + quantity, 99);
  note.hidden = false;
}

/** The cart's own page is built anew by the server; the event is on its way before the browser leaves. */
function change(form, button) {
  const wanted = Number(button?.name === "quantity" ? button.value : form.elements.quantity.value);
  const difference = wanted - Number(form.dataset.was);
  if (difference) tellCart(difference > 0 ? "add_to_cart" : "remove_from_cart", form, Math.abs(difference));
}

function tellCart(type, form, quantity) {
  const price = Number(form.dataset.price) || 0;
  const items = [{ item_id: form.elements.item_id.value, quantity, price }];
  const value = Math.round(price * quantity * 100) / 100;
  tell(type, { items, currency: form.dataset.currency || CURRENCY, value }, form.dataset.title);
}

function paint(form, button) {
  document.documentElement.dataset.theme = button.value;
  const body = new URLSearchParams(new FormData(form, button));
  void fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => say("The theme was not kept."));
}

const WAYS = { like, add, theme: paint };

document.addEventListener("submit", (event) => {
  const form = event.target;
  const way = WAYS[form.classList[0]];
  if (way) {
    event.preventDefault();
    void way(form, event.submitter ?? form.querySelector("button"));
  } else if (form.matches(".quantity, .remove")) change(form, event.submitter);
});

/* filters: what was left empty has no place in the address */
document.querySelector(".filters")?.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData]) if (!value || (name === "sort" && value === "featured")) formData.delete(name);
});

function filled({ target, detail }) {
  if (document.body.dataset.papers) wrapTiles(target);
  showLists(detail);
  if (renewed) say(`${renewed} The recommendations have been renewed.`);
  renewed = "";
}

window.filledLists.forEach(filled);
document.addEventListener("vitrina:load", filled);

suggest(document.querySelector(".search"), { home, key });
for (const { type, payload } of events ? JSON.parse(events) : []) {
  tell(type, payload, document.querySelector("[data-title]")?.dataset.title);
}
