"""How many requests one core serves, and how fast: `python -m benchmarks.load [--seconds 5] [--data-folder FOLDER]`.

Starts Vitrina on a data folder of its own (or the one named, where the demo was loaded before) with one API process,
loads both demo shops through the public API, and presses on it over 127.0.0.1: an empty Starlette route, personal
recommendations of the gift shop's real customers, the same anonymous page again and again, and events. Requests per
core are requests per second of the processor time that the API process used, so that other work on the machine hardly
changes them. Ends with exit code 1 when a target is missed.
"""

import argparse
import contextlib
import csv
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from statistics import median
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.pressing import Request, press
from benchmarks.starting import free_port, process, until_it_answers
from server.demo import state
from server.demo.catalogs import INVOICE_LINES
from server.settings import Settings

PERSONAL_RATIO, ANONYMOUS_RATIO = 0.12, 0.5  # of an empty route's requests per core
PERSONAL_P50_MS, PERSONAL_P99_MS = 1.0, 5.0
MOST_MEMORY_MB = 200
SHOPPERS = 500
_SEED = 5


class Line(NamedTuple):
    """One kind of request: what is sent, and the process that answers."""

    name: str
    process: psutil.Process
    port: int
    requests: list[Request]


class Row(NamedTuple):
    """One line of the table. `per_core`: requests per second of processor time; `ratio`: to the empty route."""

    name: str
    per_core: float
    ratio: float
    per_second: float
    p50_ms: float
    p99_ms: float
    failures: int


def main() -> int:
    """Run all of it and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="rounds of a second; the medians are shown")
    parser.add_argument("--data-folder", help="where the demo was loaded before; empty: load it anew")
    options = parser.parse_args()
    console = Console()
    with contextlib.ExitStack() as stack:
        folder = options.data_folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="vitrina-load-"))
        port, empty_port = free_port(), free_port()
        environment = os.environ | {
            "VITRINA_DATA_FOLDER": folder,
            "VITRINA_PORT": str(port),
            "VITRINA_API_PROCESSES": "1",
            "VITRINA_LOG_FORMAT": "json",
            "VITRINA_KEY_REQUESTS_PER_S": "0",  # what the server can do, not what one key or shop may
            "VITRINA_SHOP_SHARE": "1",
        }
        if not state.load(Settings(data_folder=folder)):
            console.print("Loading the demo shops; this takes a minute or two.")
            subprocess.run(
                [sys.executable, "-m", "server", "demo", "--check"], env=environment, check=True, timeout=900
            )
        empty = stack.enter_context(process(["-m", "benchmarks.hello", str(empty_port)], environment))
        family = stack.enter_context(process(["-m", "server", "up"], environment))
        until_it_answers(f"http://127.0.0.1:{empty_port}/")
        until_it_answers(f"http://127.0.0.1:{port}/readyz")
        api = next(child for child in family.children(recursive=True) if "serve" in child.cmdline())
        shops = state.load(Settings(data_folder=folder))
        key = shops["gift-shop"].publishable_key
        _warm(port, [shop.publishable_key for shop in shops.values()])
        lines = [
            Line("empty Starlette route", empty, empty_port, [Request("/")]),
            Line("personal", api, port, personal()),
            Line("anonymous, same page", api, port, [_ANONYMOUS]),
            Line("event, one per request", api, port, _events()),
        ]
        rows = _measure(lines, key, options.seconds)
        memory_mb = api.memory_info().rss / 1e6
    return _tell(console, rows, memory_mb)


_ANONYMOUS = Request("/v1/recommendations?placement=product-page&item_id=22720&limit=12")


def personal() -> list[Request]:
    """Home pages and product pages of real customers."""
    with gzip.open(INVOICE_LINES, "rt", encoding="utf-8") as file:
        lines = [(row["CustomerID"], row["StockCode"]) for row in csv.DictReader(file) if row["CustomerID"]]
    chosen = random.Random(_SEED).sample(lines, SHOPPERS)
    home = [Request(f"/v1/recommendations?placement=home&shopper_id={shopper}") for shopper, _ in chosen]
    page = [
        Request(f"/v1/recommendations?placement=product-page&item_id={item}&shopper_id={shopper}")
        for shopper, item in chosen
    ]
    return [request for pair in zip(home, page, strict=True) for request in pair]


def _events() -> list[Request]:
    """Views, each of its own; those that come round again are duplicates, which take the same way."""
    run = random.Random().getrandbits(48)
    events = (
        {
            "event_id": f"load-{run:x}-{number}",
            "type": "view_item",
            "session_id": f"s{number % 997}",
            "item_id": "22720",
        }
        for number in range(20_000)
    )
    return [Request("/v1/events", "POST", json.dumps({"events": [event]})) for event in events]


def _measure(lines: list[Line], key: str, seconds: float) -> list[Row]:
    """Press in rounds of a second, every line in each, so that what else the machine does meets all lines alike."""
    rounds = max(round(seconds), 1)
    per_core: list[list[float]] = [[] for _ in lines]
    per_second: list[list[float]] = [[] for _ in lines]
    failures = [0] * len(lines)
    for _ in range(rounds + 1):  # the first warms up
        for number, line in enumerate(lines):
            before = sum(line.process.cpu_times()[:2])
            pressed = press(line.port, line.requests, key, 1.0)
            used = sum(line.process.cpu_times()[:2]) - before
            per_core[number].append(pressed.requests / used)
            per_second[number].append(pressed.requests / pressed.seconds)
            failures[number] += pressed.failures
    rows: list[Row] = []
    for number, line in enumerate(lines):
        calm = press(line.port, line.requests, key, seconds, calmly=True)
        ratios = [own / empty for own, empty in zip(per_core[number][1:], per_core[0][1:], strict=True)]
        rows.append(
            Row(
                line.name,
                *(median(per_core[number][1:]), median(ratios), median(per_second[number][1:])),
                *(calm.p50_ms, calm.p99_ms, failures[number] + calm.failures),
            )
        )
    return rows


def _tell(console: Console, rows: list[Row], memory_mb: float) -> int:
    table = Table("", "req/s per core", "ratio", "req/s", "p50 ms", "p99 ms", "failed", title="One API process")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            *(row.name, f"{row.per_core:,.0f}", f"{row.ratio:.2f}", f"{row.per_second:,.0f}"),
            *(f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", str(row.failures)),
        )
    console.print(table)
    console.print(
        "p50 and p99 unsaturated, some 400 requests a second; req/s and ratio with 16 connections.\n"
        f"Resident memory of the API process, both shops loaded: {memory_mb:.0f} MB."
    )
    personal, anonymous = rows[1], rows[2]
    missed = [
        text
        for text, met in (
            (f"personal ratio >= {PERSONAL_RATIO}", personal.ratio >= PERSONAL_RATIO),
            (f"anonymous ratio >= {ANONYMOUS_RATIO}", anonymous.ratio >= ANONYMOUS_RATIO),
            (f"personal p50 <= {PERSONAL_P50_MS} ms", personal.p50_ms <= PERSONAL_P50_MS),
            (f"personal p99 <= {PERSONAL_P99_MS} ms", personal.p99_ms <= PERSONAL_P99_MS),
            (f"memory <= {MOST_MEMORY_MB} MB", memory_mb <= MOST_MEMORY_MB),
            ("no request failed", not any(row.failures for row in rows)),
        )
        if not met
    ]
    console.print(f"Missed: {', '.join(missed)}." if missed else "All targets met.")
    return 1 if missed else 0


def _warm(port: int, keys: list[str]) -> None:
    """Have the snapshots of all shops in memory."""
    for key in keys:
        press(port, [Request("/v1/recommendations?placement=home")], key, 0.5, calmly=True)


if __name__ == "__main__":
    sys.exit(main())
