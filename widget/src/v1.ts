/** The script that a shop's page loads: `<script async crossorigin src="https://HOST/widget/v1.js" data-key="vpk_…"></script>`. */

import { NAME } from "./element";
import { readScript } from "./script";
import { start } from "./start";

const script = readScript();
if (!script) console.warn("Vitrina: no data-key");
else if (!customElements.get(NAME)) start(script);
