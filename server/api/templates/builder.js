/** Shows the chosen list with the shop's own products, and writes the snippet for it. Nothing is stored, nothing told. */

const TYPING_PAUSE_MS = 250;
const SETTLE_MS = 150; // a click that leaves a field must have landed before the page changes its height
const TYPED = ["heading", "limit"];
const OF_PRODUCT = ["product-page", "cart", "order-confirmation"];
const form = document.querySelector("#choices");
const fields = form.querySelectorAll("input, select");
const preview = document.querySelector("#preview");
const message = document.querySelector("#message");
const of = (name) => form.elements[name];

let shownWith = ""; // the key the widget runs with
let release = null;
let searching = 0;
let changing = 0;

function attributes() {
  const placement = of("placement").value;
  const item = of("product").value.trim();
  const found = { placement };
  if (OF_PRODUCT.includes(placement)) found[placement === "product-page" ? "item-id" : "item-ids"] = item;
  if (of("layout").value !== "carousel") found.layout = of("layout").value;
  if (of("limit").value !== "8") found.limit = of("limit").value;
  if (of("heading").value.trim()) found.heading = of("heading").value.trim();
  if (of("shadow").checked) found.shadow = "";
  return found;
}

function properties() {
  const found = {};
  if (of("width").value !== "216") found["--vitrina-card-width"] = `${of("width").value}px`;
  if (of("radius").value !== "8") found["--vitrina-radius"] = `${of("radius").value}px`;
  for (const name of ["sale", "muted", "tile"]) {
    if (of(`${name}-on`).checked) found[`--vitrina-${name}-color`] = of(name).value;
  }
  return found;
}

function show() {
  of("width-shown").value = `${of("width").value} px`;
  of("radius-shown").value = `${of("radius").value} px`;
  document.querySelector("#of").hidden = !OF_PRODUCT.includes(of("placement").value);
  write();
  const key = of("key").value.trim();
  if (!acceptable(key)) return;
  if (shownWith && shownWith !== key) return void startAnew();
  if (!shownWith) load(key);
  const list = document.createElement("vitrina-recommendations");
  for (const [name, value] of Object.entries({ ...attributes(), loading: "eager" })) list.setAttribute(name, value);
  for (const [name, value] of Object.entries(properties())) list.style.setProperty(name, value);
  list.addEventListener("vitrina:load", () => (message.textContent = ""));
  list.addEventListener("vitrina:empty", () => say("There is nothing to show here yet. Import the catalog first."));
  list.addEventListener("vitrina:error", () => void explain(key));
  preview.replaceChildren(list);
}

function showAfter(pause_ms) {
  clearTimeout(changing);
  changing = setTimeout(show, pause_ms);
}

function acceptable(key) {
  if (/^vpk_[\w-]{10,}$/.test(key)) return true;
  if (key.startsWith("vsk_")) {
    of("key").value = "";
    say("That is a secret key. It must never be in a browser: use the publishable one, which begins with vpk_.");
  } else if (key) say("A publishable key begins with vpk_. You got it when the shop was created.");
  return false;
}

/** The widget knows one key for as long as the page lives; what was chosen outlives it. */
function startAnew() {
  const chosen = [...fields].map(({ value, checked }) => ({ value, checked }));
  sessionStorage.setItem("vitrina_builder", JSON.stringify(chosen));
  location.reload();
}

function restore() {
  const chosen = JSON.parse(sessionStorage.getItem("vitrina_builder") ?? "[]");
  sessionStorage.removeItem("vitrina_builder");
  chosen.forEach((choice, at) => Object.assign(fields[at], choice));
}

function load(key) {
  shownWith = key;
  const tag = document.createElement("script");
  Object.assign(tag.dataset, { key, consent: "denied", layer: "off", auto: "off" });
  tag.async = true;
  const policy = window.trustedTypes?.createPolicy("builder", { createScriptURL: () => "/widget/v1.js" });
  tag.src = policy?.createScriptURL("") ?? "/widget/v1.js";
  document.head.append(tag);
}

function say(text) {
  message.textContent = text;
}

/** Why there is no list, in the server's own words. */
async function explain(key) {
  try {
    const answer = await fetch(`/v1/recommendations?key=${encodeURIComponent(key)}&limit=1`, { method: "GET" });
    say(answer.ok ? "The list did not come. Please try again." : (await answer.json()).detail);
  } catch {
    say("The server cannot be reached. Please try again.");
  }
}

function write() {
  const host = location.origin;
  const key = of("key").value.trim() || "vpk_…";
  const fixed = of("fixed").checked && release;
  const source = fixed ? `${host}/widget/${release.version}/widget.js` : `${host}/widget/v1.js`;
  const checked = fixed ? ` integrity="${release.integrity}"` : "";
  const looks = Object.entries(properties()).map(([name, value]) => `${name}: ${value};`);
  const rules = looks.length ? [`vitrina-recommendations { ${looks.join(" ")} }`] : [];
  const list = `vitrina-recommendations[placement="${of("placement").value}"]`;
  rules.push(...room(list));
  const style = `\n<style>\n${rules.join("\n")}\n</style>`;
  document.querySelector("#head").value = `<script async crossorigin src="${source}"${checked} data-key="${escaped(key)}"></script>${style}`;
  const shown = { ...attributes() };
  if ("item-id" in shown) shown["item-id"] = "THE PRODUCT'S ID";
  if (shown.placement === "category") shown.category = "THE CATEGORY";
  if ("item-ids" in shown) shown["item-ids"] = "THE PRODUCTS' IDS, WITH COMMAS";
  const written = Object.entries(shown).map(([name, value]) => (value ? ` ${name}="${escaped(value)}"` : ` ${name}`));
  const rows = of("layout").value === "carousel" ? 1 : Number(of("limit").value) || 8;
  document.querySelector("#body").value = `<vitrina-recommendations${written.join("")}>${"<i></i>".repeat(rows)}</vitrina-recommendations>`;
}

/** Rules for `<i></i>`, which keeps the room of a row until the script takes it out; where none comes, for ten seconds. */
function room(list) {
  const card = "var(--vitrina-card-width, clamp(9em, 38vw, 13.5em))";
  const gap = "clamp(0.875em, 2vw, 1.25em)";
  const columns = `repeat(auto-fill, minmax(min(${card}, 100%), 1fr))`;
  const late = "animation: vitrina-late 0s 10s forwards;";
  const rules = {
    carousel: [
      `${list}:has(> i) { display: block; ${late} }`,
      `${list} > i { display: block; height: calc(${card} * 1.25 + 11.425em); }`,
    ],
    grid: [
      `${list}:has(> i) { display: grid; grid-template-columns: ${columns}; gap: ${gap}; padding-top: 3.875em; ${late} }`,
      `${list} > i::before { content: ""; display: block; aspect-ratio: 4 / 5; margin-bottom: 7.55em; }`,
    ],
    list: [
      `${list}:has(> i) { display: block; ${late} }`,
      `${list} > i { display: block; height: calc(7em + ${gap}); }`,
      `${list} > i:first-child { height: 10.875em; }`,
    ],
  };
  return [...rules[of("layout").value], "@keyframes vitrina-late { to { position: absolute; visibility: hidden; } }"];
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

async function search() {
  const words = of("product").value.trim();
  const key = of("key").value.trim();
  if (!words || !acceptable(key)) return;
  const query = new URLSearchParams({ key, q: words, limit: "8" });
  const answer = await fetch(`/v1/search?${query}`).catch(() => null);
  if (!answer?.ok) return;
  const { items } = await answer.json();
  const options = items.map(({ item_id, title }) => Object.assign(document.createElement("option"), { value: item_id, label: title }));
  document.querySelector("#found").replaceChildren(...options);
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", ({ target }) => {
  if (!TYPED.includes(target.name)) showAfter(SETTLE_MS);
});
form.addEventListener("input", ({ target, inputType }) => {
  const typed = TYPED.includes(target.name);
  if (target.name === "product") {
    clearTimeout(searching);
    searching = setTimeout(search, TYPING_PAUSE_MS);
  } else if (typed || target.type === "range" || target.type === "color") write();
  // a pasted key is whole; one that is being typed may look so before it is, and would start the page anew
  if (typed || inputType === "insertFromPaste") showAfter(TYPING_PAUSE_MS);
});
document.querySelector("#theme").addEventListener("click", ({ currentTarget }) => {
  currentTarget.setAttribute("aria-pressed", String(preview.classList.toggle("dark")));
});
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copies);
    field.select();
    const copied = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}
restore();
fetch("/widget/release.json").then(async (answer) => {
  if (answer.ok) release = await answer.json();
}, () => {});
show();
