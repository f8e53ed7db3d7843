/** Which product a page is about: from its structured data, as shops write it for search engines. */

type Node = Record<string, unknown>;

const MICRODATA = '[itemtype$="schema.org/Product"]:not([itemtype$="schema.org/ItemList"] *)';

/** The item's id, or an empty string where the page is about no single product. */
export function pageItem(): string {
  return (
    attribute('vitrina-recommendations[placement="product-page"][item-id]', "item-id") ||
    fromJsonLd() ||
    fromMicrodata() ||
    attribute('meta[property="product:retailer_item_id"]', "content")
  );
}

function attribute(selector: string, name: string): string {
  return text(document.querySelector(selector)?.getAttribute(name));
}

function fromJsonLd(): string {
  const found = new Set<string>();
  for (const script of document.querySelectorAll('script[type="application/ld+json"]')) {
    try {
      for (const node of nodesOf(JSON.parse(script.textContent ?? ""))) {
        if ([node["@type"]].flat().some((type) => /(^|\/)Product(Group)?$/.test(type as string))) found.add(idOf(node));
      }
    } catch {
      // shops do write invalid JSON there
    }
  }
  found.delete("");
  return found.size === 1 ? [...found][0]! : ""; // several products are a list
}

function nodesOf(value: unknown): Node[] {
  return [value].flat().flatMap((node) => (isObject(node) ? [node, ...nodesOf(node["@graph"]), ...nodesOf(node.mainEntity)] : []));
}

function idOf(node: Node): string {
  const [variant] = [node.hasVariant ?? []].flat() as (Node | undefined)[];
  return text(node.sku ?? node.productID ?? variant?.sku ?? node.productGroupID);
}

function fromMicrodata(): string {
  const products = document.querySelectorAll(MICRODATA);
  if (products.length !== 1) return "";
  const id = products[0]!.querySelector('[itemprop="sku"],[itemprop="productID"]');
  return text(id?.getAttribute("content") ?? id?.textContent);
}

/** As the id of a product: at most as long as one may be. */
export function text(value: unknown): string {
  return isObject(value) ? "" : String(value || "").trim().slice(0, 128);
}

function isObject(value: unknown): value is Node {
  return Object(value) === value;
}
