"""How heavy the widget is and how soon its first card is there: `python -m benchmarks.widget`.

Builds the widget, starts Vitrina on embedded defaults in a temporary folder, opens a shop of 200 items, and has
Chromium load a page on another origin with three lists, each time as a new shopper with an empty cache.
"""

import gzip
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.widget import algolia
from tests.journeys.installation import Installation, Shop, running
from tests.widget.storefront import Storefront, open_storefront, page

ROOT = Path(__file__).parents[2]
LOADS = 15
ITEMS = 200
WIDTHS = (390, 1280)
LISTS = (
    '<vitrina-recommendations placement="product-page" item-id="SKU-1"></vitrina-recommendations><p>Between</p>'
    '<vitrina-recommendations placement="home"></vitrina-recommendations>'
    '<vitrina-recommendations placement="cart" item-ids="SKU-2,SKU-3"></vitrina-recommendations>'
)
# The first frame in which a card is drawn, and everything that moved, from the beginning of the navigation
OBSERVE = """<script>
window.shifts = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => window.shifts += entry.value))
  .observe({ type: "layout-shift", buffered: true });
const drawn = () => requestAnimationFrame(() => setTimeout(() => window.card = performance.now()));
addEventListener("vitrina:load", drawn, { once: true });
</script>"""
READ = """() => {
  const of = name => performance.getEntriesByType("resource").find(entry => entry.name.includes(name));
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return { card: window.card, shifts: window.shifts, paint: paint.startTime,
           script: of("/widget/v1.js").responseEnd, asked: of("/recommendations/batch").startTime,
           answered: of("/recommendations/batch").responseEnd };
}"""


def main() -> None:
    """Measure and print the tables."""
    subprocess.run([ROOT / "scripts" / "build-widget"], check=True)
    script = (ROOT / "server" / "widget" / "v1.js").read_bytes()
    sizes = Table("script", "bytes", "gzipped")
    for name, code in (("Vitrina, v1.js", script), ("Algolia, recommend + recommend-js", algolia.script())):
        sizes.add_row(name, f"{len(code):,}", f"{len(gzip.compress(code, 9)):,}")
    times = Table(
        "page width",
        *("first paint", "script there", "asked", "answered", "first card"),
        "slowest",
        "layout shift",
    )
    with (
        tempfile.TemporaryDirectory(prefix="vitrina-benchmark-") as folder,
        running(Path(folder), encoder="minilm") as installation,
        open_storefront() as storefront,
        _browser() as browser,
    ):
        address = _page(storefront, _shop(installation))
        for width in WIDTHS:
            loads = [_load(browser, address, width) for _ in range(LOADS + 1)][1:]  # the first one warms the server up
            middle = [median(load[name] for load in loads) for name in ("paint", "script", "asked", "answered", "card")]
            slowest, shift = max(load["card"] for load in loads), max(load["shifts"] for load in loads)
            times.add_row(f"{width} px", *(f"{value:.0f}" for value in middle), f"{slowest:.0f}", f"{shift:.4f}")
    console = Console()
    console.print(sizes)
    console.print(f"Milliseconds since the beginning of the navigation: medians of {LOADS} loads with an empty cache:")
    console.print(times)


def _load(browser: Browser, address: str, width: int) -> dict[str, float]:
    context = browser.new_context(viewport={"width": width, "height": 900})
    visit = context.new_page()
    visit.goto(address)
    visit.wait_for_function("window.card")
    visit.wait_for_timeout(500)  # whatever else may move
    measured: dict[str, float] = visit.evaluate(READ)
    context.close()
    return measured


def _page(storefront: Storefront, shop: Shop) -> str:
    tag = f'<script async src="{shop.http.base_url}/widget/v1.js" data-key="{shop.publishable}"></script>'
    return storefront.put("/", page(tag, LISTS, head=OBSERVE))


def _shop(installation: Installation) -> Shop:
    shop = installation.new_shop("Benchmark", currency="EUR")
    items: list[dict[str, Any]] = [
        {
            "item_id": f"SKU-{number}",
            "title": f"Linen shirt no. {number}",
            "url": f"/p/{number}",
            "image_url": f"/images/{number}.png",
            "price": 10 + number,
        }
        for number in range(1, ITEMS + 1)
    ]
    answer = shop.http.post("/v1/items/batch", json={"items": items}, headers=shop.headers)
    answer.raise_for_status()
    shop.wait_for_all()
    return shop


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()


if __name__ == "__main__":
    main()
