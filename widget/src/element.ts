/**
 * `<vitrina-recommendations placement="product-page" item-id="SKU-1">`: a list of recommendations in the page's own DOM.
 *
 * Attributes: `placement`, `item-id`, `item-ids` (comma separated), `category`, `limit` (8), `layout` (`carousel` or
 * `grid`), `heading`. Events, all bubbling: `vitrina:load`, `vitrina:empty`, `vitrina:error`.
 */

import type { Track } from "./events";
import { createList, type List } from "./list";
import type { Answer, Question, Recommend } from "./recommendations";
import styles from "./styles.css?inline";
import { languageOf, textsFor } from "./texts";

const LIMIT = 8;
const LIMIT_MOST = 100;
const LOOKS = ["heading", "layout"]; // attributes that change the looks, not the question

export interface Services {
  recommend: Recommend;
  track: Track;
}

/** The elements that are in the page now. */
export const elements = new Set<HTMLElement & { refresh(): void }>();

let sheet: CSSStyleSheet | undefined;

/** The element's class; `services` are what it asks and tells. */
export function createElementClass({ recommend, track }: Services): CustomElementConstructor {
  return class extends HTMLElement {
    static observedAttributes = ["placement", "item-id", "item-ids", "category", "limit", ...LOOKS];

    #list: List | null = null;
    #filled = false;
    #turn = 0; // of several questions only the last one's answer counts
    #awaited = false;

    connectedCallback(): void {
      elements.add(this);
      adoptStyles(this.getRootNode() as Document | ShadowRoot);
      this.refresh();
    }

    disconnectedCallback(): void {
      elements.delete(this);
      this.#clear();
    }

    attributeChangedCallback(name: string, before: string | null, now: string | null): void {
      if (!this.isConnected || before === now) return;
      if (LOOKS.includes(name)) this.#clear();
      this.refresh();
    }

    /** Asks again. What is shown stays until the answer is there. */
    refresh(): void {
      if (this.#awaited) return; // several attributes may change in one turn
      this.#awaited = true;
      queueMicrotask(() => {
        this.#awaited = false;
        if (this.isConnected) void this.#load();
      });
    }

    async #load(): Promise<void> {
      const turn = ++this.#turn;
      const question = questionOf(this);
      if (!this.#list && !this.hidden) this.#show(question);
      try {
        const answer = await recommend(question);
        if (turn !== this.#turn || !this.isConnected) return;
        this.#fill(answer, question);
      } catch {
        if (turn !== this.#turn || !this.isConnected) return;
        if (!this.#filled) this.#hide(); // an earlier list is better than none
        this.#tell("error", question);
      }
    }

    #show(question: Question): List {
      const language = languageOf(this);
      const texts = textsFor(language);
      const list = createList({
        heading: this.getAttribute("heading") ?? texts.titles[question.placement] ?? texts.title,
        layout: this.getAttribute("layout") === "grid" ? "grid" : "carousel",
        limit: question.limit,
        language,
        texts,
        onEvent: (type, { recommendation_id, items }, places) => {
          const seen = places.map((index) => ({ item_id: items[index]!.item_id, index }));
          void track(type, { item_list_id: question.placement, recommendation_id, items: seen });
        },
      });
      this.#list = list;
      this.replaceChildren(list.root);
      return list;
    }

    #fill(answer: Answer, question: Question): void {
      const empty = !answer.items.length;
      if (empty) this.#hide();
      else {
        this.hidden = false;
        (this.#list ?? this.#show(question)).fill(answer);
        this.#filled = true;
      }
      this.#tell(empty ? "empty" : "load", question, answer);
    }

    #hide(): void {
      this.#clear();
      this.hidden = true;
    }

    #clear(): void {
      this.#list?.stop();
      this.#list = null;
      this.#filled = false;
      this.replaceChildren();
    }

    #tell(name: string, { placement }: Question, answer?: Answer): void {
      const { recommendation_id = null, strategy = null, items = [] } = answer ?? {};
      const detail = { placement, recommendation_id, strategy, count: items.length };
      this.dispatchEvent(new CustomEvent(`vitrina:${name}`, { bubbles: true, composed: true, detail }));
    }
  };
}

function questionOf(element: HTMLElement): Question {
  const read = (name: string) => element.getAttribute(name)?.trim() || "";
  const ids = [read("item-id"), ...read("item-ids").split(",")].map((id) => id.trim()).filter(Boolean);
  const limit = Math.trunc(Number(read("limit"))) || LIMIT;
  const category = read("category");
  return {
    placement: read("placement") || (ids.length ? "product-page" : "home"),
    item_id: ids,
    limit: Math.min(Math.max(limit, 1), LIMIT_MOST),
    ...(category && { category }),
  };
}

/** An adopted sheet needs no `style-src` in the page's content security policy. */
function adoptStyles(root: Document | ShadowRoot): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}
