/** The same for bundlers: `import { startVitrina } from "vitrina-widget"`. Nothing happens before the call. */

import { NAME } from "./element";
import { scriptOf } from "./script";
import { start } from "./start";
import type { Vitrina } from "./vitrina";

export type { Payload } from "./events";
export type { Answer, Item, Question } from "./recommendations";
export type { Texts } from "./texts";
export type { Vitrina } from "./vitrina";

export interface Options {
  /** The shop's publishable key, `vpk_…`. */
  key: string;
  /** The address of the server, such as `https://vitrina.example`. */
  api: string;
  /** What holds until the shopper has answered; granted if not given. */
  consent?: "granted" | "denied";
  /** The name of the shop's data layer, or `off`; `dataLayer` if not given. */
  dataLayer?: string;
  /** Whether views and carts are told by what the page looks like; true if not given. */
  automatic?: boolean;
}

/** Starts Vitrina on this page; called again, it returns what runs already. Throws where `api` is no address. */
export function startVitrina(options: Options): Vitrina {
  if (customElements.get(NAME) && window.vitrina && !Array.isArray(window.vitrina)) return window.vitrina;
  const script = scriptOf(options.key, options.api, options.consent, options.dataLayer, options.automatic);
  if (!script) throw new TypeError(`Vitrina: api is ${options.api}; it must be an address such as https://vitrina.example.`);
  return start(script);
}
