/** Wraps products without a photograph, in the widget's lists and in suggestions, in the paper the server gives them. */

const address = document.body.dataset.papers;
const papers = address ? fetch(address).then((answer) => answer.json()) : Promise.reject(new Error("no papers"));
papers.catch(() => {}); // then the tiles stay plain

/** The classes of a title's paper; the same choice as in server/demo/tiles.py. */
async function classesOf(title) {
  const { palettes, patterns } = await papers;
  const words = title.toLowerCase().match(/[a-z]+/g) ?? [];
  let chance = 0;
  for (const character of title) chance = (chance * 31 + character.codePointAt(0)) % 65536;
  return [`paper--${named(palettes, words, chance)}`, `paper--${named(patterns, words, Math.floor(chance / 16))}`];
}

function named(names, words, chance) {
  const entries = Object.entries(names);
  for (const word of words) {
    for (const [name, known] of entries) if (known.split(" ").includes(word)) return name;
  }
  return entries[chance % entries.length][0];
}

/** Gives one element the paper of a title. */
export async function wrap(element, title) {
  try {
    element.classList.add(...(await classesOf(title)));
  } catch {
    // plain paper will do
  }
}

/** Wraps the tiles of a list that has just been filled, and writes the titles on their labels. */
export function wrapTiles(list) {
  for (const tile of list.querySelectorAll(".vitrina-initials:not(.is-labelled)")) {
    const title = tile.closest("li")?.querySelector(".vitrina-title")?.textContent ?? "";
    tile.dataset.initials = title;
    tile.classList.add("is-labelled");
    void wrap(tile, title);
  }
}
