/** Makes elements without ever parsing text as HTML. */

type Attributes = Record<string, string | number | boolean>;

/** `make("a", "title", { href })` is `<a class="vitrina-title" part="title" href="…">`; text children stay text. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  part: string,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  const all = { class: `vitrina-${part}`, part, ...attributes };
  for (const [key, value] of Object.entries(all)) element.setAttribute(key, value as string);
  element.append(...children);
  return element;
}
