/** The styles of the lists: an adopted sheet needs no `style-src` in the page's content security policy. */

import styles from "./styles.css?inline";

/** Where a list lives: the page, or a shadow in it. */
export type Root = Document | ShadowRoot;

const users = new Map<Root, number>();
let sheet: CSSStyleSheet | undefined;

/** Puts the sheet where a list lives. */
export function adoptStyles(root: Root): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
  }
  users.set(root, (users.get(root) ?? 0) + 1);
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

/** Takes it away again with the last list there. */
export function dropStyles(root: Root): void {
  const left = (users.get(root) ?? 1) - 1;
  users.set(root, left);
  if (left) return;
  users.delete(root);
  root.adoptedStyleSheets = root.adoptedStyleSheets.filter((adopted) => adopted !== sheet);
}
