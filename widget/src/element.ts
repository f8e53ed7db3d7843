/**
 * `<vitrina-recommendations placement="product-page" item-id="SKU-1">`: a list of recommendations in the page's own DOM,
 * or in a shadow of its own by the attribute `shadow`. The attributes are those of `OBSERVED`, and `loading="eager"`.
 * Events, all bubbling: `vitrina:load`, `vitrina:empty`, `vitrina:error`.
 */

import { inTurn } from "./frames";
import { createList, layoutOf, type List } from "./list";
import { loadWhenNear, onceAway, stopWaiting } from "./nearness";
import { prepareFormats } from "./prices";
import { questionOf } from "./question";
import type { Answer, Question, Recommend, Shown } from "./recommendations";
import type { Told } from "./repeats";
import { takeOver } from "./served";
import { adoptStyles, dropStyles, type Root } from "./sheet";
import { languageOf, textsFor } from "./texts";

export const NAME = "vitrina-recommendations";
const LOOKS = ["heading", "layout", "lang", "images"]; // what changes the looks, not the question
const ROOM = ":scope>i:empty"; // that the page keeps for a list, see README.md
const PARSING_MS = 10; // between two looks whether an element is read to its end
const PART = 4; // cards that are drawn in one frame: a whole list at once would hold a slow phone for long
const OBSERVED = ["placement", "item-id", "item-ids", "category", "limit", ...LOOKS];

export interface Services {
  recommend: Recommend;
  told: Told;
  /** After it nothing is shown any more. */
  stopped: AbortSignal;
}

export interface ListElement extends HTMLElement {
  /** Asks again. What is shown stays until the answer is there. */
  refresh(): void;
  /** Draws anew. */
  rebuild(): void;
  /** Takes everything of it out of the page. */
  retire(): void;
}

/** The elements that are in the page now. */
export const elements = new Set<ListElement>();

/** The element's class; `services` are what it asks and tells. */
export function createElementClass({ recommend, told, stopped }: Services): CustomElementConstructor {
  return class extends HTMLElement implements ListElement {
    static observedAttributes = OBSERVED;

    #list: List | null = null;
    #shown: Answer | null = null;
    #asked = false; // once, whatever came of it
    #turn = 0; // of several questions only the last one's answer counts
    #stopServed = () => {};
    #root?: Root | null;

    connectedCallback(): void {
      if (stopped.aborted || !this.isConnected || elements.has(this)) return;
      // as long as the parser is within the element, what the shop has put there may be missing
      if (document.readyState === "loading" && !following(this)) {
        const again = () => this.connectedCallback();
        document.addEventListener("DOMContentLoaded", again); // in time for the request of the lists before it
        return void setTimeout(again, PARSING_MS);
      }
      elements.add(this);
      loadWhenNear(this);
      this.#root = this.#home().getRootNode() as Root;
      adoptStyles(this.#root);
      const begin = () => this.#root && !this.#list && this.#restart();
      // where the page keeps the room, a list may come later than its element, in a frame of its own
      if (this.querySelector(ROOM)) void inTurn(begin);
      else begin();
    }

    disconnectedCallback(): void {
      this.retire();
    }

    attributeChangedCallback(name: string, before: string | null, now: string | null): void {
      if (!elements.has(this) || before === now) return;
      if (LOOKS.includes(name)) this.rebuild();
      else this.refresh();
    }

    rebuild(): void {
      this.#restart();
      this.refresh();
    }

    refresh(): void {
      if (this.#asked) void this.#load();
    }

    /** Asks for the first time. */
    load(): void {
      if (this.#asked) return;
      this.#asked = true;
      const question = questionOf(this);
      this.#stopServed();
      const served = takeOver(this, (type, answer, places) => this.#attend(type, answer, question, places));
      if (!served) return void this.#load();
      // the server has drawn it already: it only has to be listened to
      this.#stopServed = served.stop;
      this.#tell("load", question, served.answer);
    }

    retire(): void {
      elements.delete(this);
      stopWaiting(this);
      this.#turn++;
      this.#asked = false;
      this.#stopServed();
      this.#clear();
      if (this.#root && (stopped.aborted || !this.#root.querySelector(NAME))) dropStyles(this.#root); // the last one there
      this.#root = null;
    }

    async #load(): Promise<void> {
      const turn = ++this.#turn;
      await null; // several attributes may change in one turn of the page
      if (turn !== this.#turn) return;
      const question = questionOf(this);
      try {
        prepareFormats();
        const answer = await recommend(question);
        let most = 0;
        // what has begun is drawn to its end, unless a newer answer comes between
        const current = () => answer === this.#shown || turn === this.#turn;
        while (await inTurn(() => current() && this.#fill(answer, question, (most += PART))));
      } catch {
        if (turn !== this.#turn) return;
        // an earlier list is better than none, and so is what the shop put inside
        if (!this.#shown) this.#hide();
        this.#tell("error", question);
      }
    }

    /** The skeleton, unless there is something of the shop's own. */
    #restart(): void {
      this.#clear();
      if (!this.#given().length && !this.hidden) this.#show();
    }

    #show(): void {
      const question = questionOf(this);
      const locale = languageOf(this);
      const texts = textsFor(locale);
      this.#list = createList({
        heading: this.getAttribute("heading") ?? texts.titles[question.placement] ?? texts.titles["product-page"]!,
        layout: layoutOf(this.getAttribute("layout")),
        limit: question.limit,
        card: { locale, texts, template: this.querySelector("template"), images: this.getAttribute("images") },
        onAttention: (type, answer, places) => this.#attend(type, answer, question, places),
      });
      this.#home().append(this.#list.root);
    }

    /** Shows what was answered, at most so many items of it; returns whether there are more. */
    #fill(answer: Answer, question: Question, most: number): boolean {
      const empty = !answer.items.length;
      if (empty) this.#hide();
      else {
        this.#stopServed();
        for (const child of this.#given()) child.remove();
        this.hidden = false;
        this.style.visibility = "";
        if (!this.#list) this.#show();
        this.#shown = answer;
        if (this.#list!.fill(answer, most)) return true;
      }
      this.#tell(empty ? "empty" : "load", question, answer);
      return false;
    }

    /** Shows nothing. What is in view keeps its room until it has left it, so that nothing there jumps. */
    #hide(): void {
      if (this.#given().length) return this.#clear();
      const turn = this.#turn;
      this.#restart();
      this.style.visibility = "hidden";
      onceAway(this, () => {
        if (turn !== this.#turn) return; // it has asked again since
        this.#clear();
        this.hidden = true;
      });
    }

    #clear(): void {
      this.#list?.remove();
      this.#list = null;
      this.#shown = null;
    }

    /** What the shop put inside, to be shown as long as there is nothing better; the room that it kept goes. */
    #given(): ChildNode[] {
      for (const place of this.querySelectorAll(ROOM)) place.remove();
      return [...this.childNodes].filter((child) => {
        const said = (child as Element).localName ?? (child as Text).wholeText?.trim(); // of comments neither
        return said && said !== "template" && child !== this.#list?.root;
      });
    }

    /** Where the list lives. */
    #home(): HTMLElement | ShadowRoot {
      if (this.shadowRoot || !this.hasAttribute("shadow")) return this.shadowRoot ?? this;
      const shadow = this.attachShadow({ mode: "open" });
      shadow.append(document.createElement("slot"));
      return shadow;
    }

    #attend(type: string, answer: Shown, { placement }: Question, places: number[]): void {
      const { recommendation_id } = answer;
      const items = places.map((index) => ({ item_id: answer.items[index]!.item_id, index }));
      void told("page", type, { item_list_id: placement, recommendation_id, items });
    }

    #tell(name: string, { placement }: Question, answer: Partial<Shown> = {}): void {
      const { recommendation_id = null, strategy = null, items = [] } = answer;
      const detail = { placement, recommendation_id, strategy, count: items.length };
      this.dispatchEvent(new CustomEvent(`vitrina:${name}`, { bubbles: true, composed: true, detail }));
    }
  };
}

/** With what the document goes on after it; null where it ends. */
function following(node: Node | null): Node | null {
  return node && (node.nextSibling ?? following(node.parentNode));
}
