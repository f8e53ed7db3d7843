/** The styles of the lists: an adopted sheet needs no `style-src` in the page's content security policy. */

import styles from "./styles.css?inline";

/** Where a list lives: the page, or a shadow in it. */
export type Root = Document | ShadowRoot;

let sheet: CSSStyleSheet | undefined;

/** Puts the sheet where a list lives. */
export function adoptStyles(root: Root): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}

/** Takes it away again. */
export function dropStyles(root: Root): void {
  root.adoptedStyleSheets = root.adoptedStyleSheets.filter((adopted) => adopted !== sheet);
}
