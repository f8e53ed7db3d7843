"""How heavy the widget is and what a page feels of it, beside Algolia's library: `python -m benchmarks.widget`.

Builds the widget, starts Vitrina on embedded defaults in a temporary folder, opens a shop of 200 items, and has
Chromium load a page on another origin with three lists, each time as a new shopper with an empty cache.
"""

import gzip
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser
from rich.console import Console
from rich.table import Table

from benchmarks.widget import pages
from benchmarks.widget.measuring import load, longest_task_ms, open_browser
from tests.journeys.installation import running
from tests.widget.storefront import open_storefront

LOADS = 9
TRACES = 7
NOTHING = "the page without lists"
WIDTHS = (390, 1280)
LATENCY_S = 0.05  # of an answer over a middling network
NOTE = f"""\
Vitrina's and Algolia's scripts and answers come from the same local web server, which waits {1000 * LATENCY_S:.0f} ms
before each answer; Algolia's answers have the shape that its documentation gives, and hold the products of Vitrina's.
"Its own server" is Vitrina as it runs, without that wait. First paint and card: milliseconds since the navigation
began, medians of {LOADS} loads with an empty cache. Layout shift: the largest seen; Vitrina's page reserves the room
as its documentation tells, Algolia's tells of none. Longest task: milliseconds of processor time of the page's main
thread at fourfold CPU throttle, from the moment the script runs, median of {TRACES} loads; of the page without lists,
all its tasks."""


def main() -> None:
    """Measure and print the tables."""
    subprocess.run([pages.ROOT / "scripts" / "build-widget"], check=True)
    console = Console(width=120)
    console.print(_sizes())
    with (
        tempfile.TemporaryDirectory(prefix="vitrina-benchmark-") as folder,
        running(Path(folder), encoder="minilm") as installation,
        open_storefront() as storefront,
        open_browser() as browser,
    ):
        storefront.latency_s = LATENCY_S
        shop = pages.open_shop(installation)
        addresses = {
            "Vitrina": pages.with_vitrina(storefront, shop),
            "Vitrina, its own server": pages.with_vitrina_server(storefront, shop),
            "Algolia": pages.with_algolia(storefront),
            NOTHING: pages.with_nothing(storefront),
        }
        console.print(_felt(browser, addresses))
    console.print(NOTE)


def _sizes() -> Table:
    table = Table("script", "bytes", "gzipped")
    scripts = {"Vitrina, v1.js": pages.vitrina_script(), "Algolia, recommend + recommend-js": pages.algolia_script()}
    for name, script in scripts.items():
        table.add_row(name, f"{len(script):,}", f"{len(gzip.compress(script, 9)):,}")
    return table


def _felt(browser: Browser, addresses: dict[str, str]) -> Table:
    table = Table("page width", "lists", "first paint", "first card", "slowest", "layout shift", "longest task")
    for width in WIDTHS:
        # by turns, so that other work on this machine meets all alike; the first round warms up
        visits = [
            {name: load(browser, address, width, cards=name != NOTHING) for name, address in addresses.items()}
            for _ in range(LOADS + 1)
        ][1:]
        traces = [
            {
                name: longest_task_ms(browser, address, width, cards=name != NOTHING)
                for name, address in addresses.items()
            }
            for _ in range(TRACES)
        ]
        for name in addresses:
            loads = [visit[name] for visit in visits]
            task = median(trace[name] for trace in traces)
            card = [f"{of(one.card_ms for one in loads):.0f}" if name != NOTHING else "" for of in (median, max)]
            paint, shift = median(one.paint_ms for one in loads), max(one.shift for one in loads)
            table.add_row(f"{width} px", name, f"{paint:.0f}", *card, f"{shift:.3f}", f"{task:.0f}")
        table.add_section()
    return table


if __name__ == "__main__":
    main()
