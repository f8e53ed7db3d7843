/** The script that a shop's page loads: `<script async src="https://HOST/widget/v1.js" data-key="vpk_…"></script>`. */

import { createElementClass, elements } from "./element";
import { createTrack } from "./events";
import { createIdentity } from "./identity";
import { createRecommend } from "./recommendations";
import { readScript } from "./script";
import { type Call, createVitrina, type Vitrina } from "./vitrina";

const NAME = "vitrina-recommendations";

declare global {
  interface Window {
    vitrina?: Vitrina | Call[];
  }
}

const script = readScript();
if (!script) {
  console.warn("Vitrina: the script tag has no data-key. Put the shop's publishable key (vpk_…) there.");
} else if (!customElements.get(NAME)) {
  const identity = createIdentity();
  const track = createTrack(script, identity);
  const vitrina = createVitrina(track, identity, () => elements.forEach((element) => element.refresh()));
  const earlier = window.vitrina;
  window.vitrina = vitrina;
  if (Array.isArray(earlier)) vitrina.push(...earlier); // before the first question, which should know who asks
  customElements.define(NAME, createElementClass({ recommend: createRecommend(script, identity), track }));
}
