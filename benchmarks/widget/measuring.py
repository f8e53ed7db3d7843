"""What a browser feels of a page: when its first card is there, what moves, and how long its main thread is held."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SLOWER = 4  # a phone of the middle class beside this machine
SETTLE_MS = 700  # whatever else may move
TRACED_MS = 2500  # several times what a slowed page takes to its last card
# The first frame in which a card is drawn, and everything that moved, from the beginning of the navigation
OBSERVE = """<script>
window.shifts = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => window.shifts += entry.value))
  .observe({ type: "layout-shift", buffered: true });
const watch = new MutationObserver(() => {
  if (!document.querySelector(".vitrina-item, .card")) return;
  watch.disconnect();
  requestAnimationFrame(() => setTimeout(() => window.card = performance.now()));
});
watch.observe(document, { childList: true, subtree: true });
</script>"""
READ = """() => ({ card_ms: window.card ?? 0, shift: window.shifts,
                  paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0 })"""


@dataclass(frozen=True)
class Load:
    """One visit. Milliseconds since the navigation began, and the sum of the layout shifts."""

    card_ms: float
    paint_ms: float
    shift: float


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()


def load(browser: Browser, address: str, width: int, *, cards: bool) -> Load:
    """One visit of a new shopper with an empty cache; `cards`: whether any are to be waited for."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    visit = context.new_page()
    _open(visit, address, cards=cards)
    measured = Load(**visit.evaluate(READ))
    context.close()
    return measured


def longest_task_ms(browser: Browser, address: str, width: int, *, cards: bool) -> float:
    """The longest task of the page's main thread once its script has come, on a processor slowed down fourfold.

    In processor time, which other work on this machine does not lengthen. Without cards: the longest of all.
    """
    context = browser.new_context(viewport={"width": width, "height": 900})
    visit = context.new_page()
    context.new_cdp_session(visit).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    browser.start_tracing(page=visit, categories=["toplevel", "devtools.timeline"])
    visit.goto(address)
    # Nothing is asked of the page meanwhile: the browser's driver would put a script of its own into it, whose
    # parsing alone holds a slowed page for 30 ms
    visit.wait_for_timeout(TRACED_MS)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    if cards:
        visit.wait_for_function("window.card")
    context.close()
    started = min((one["ts"] for one in events if _is_of_a_file(one)), default=0)
    main = {(one["pid"], one["tid"]) for one in events if one.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [one for one in events if one["name"].endswith("RunTask") and (one["pid"], one["tid"]) in main]
    # those that the end of the trace cut have no length
    return max(one.get("tdur", 0) for one in tasks if one["ts"] + one.get("dur", 0) >= started) / 1000


def _is_of_a_file(event: dict[str, Any]) -> bool:
    """Whether a script runs that was fetched, not one that stands in the page."""
    return event["name"] == "EvaluateScript" and event["args"]["data"]["url"].endswith(".js")


def _open(visit: Page, address: str, *, cards: bool) -> None:
    visit.goto(address)
    if cards:
        visit.wait_for_function("window.card")
    visit.wait_for_timeout(SETTLE_MS)
