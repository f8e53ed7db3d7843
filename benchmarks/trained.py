"""A shop of one's own, imported, trained and asked: `python -m benchmarks.trained FOLDER [--small] [--seconds 10]`.

FOLDER is one as `benchmarks.quality` reads, with times; `--small` cuts a shop of 2,500 products and 50,000 events from
it. Starts Vitrina with one API process and one worker, imports items and events by the public API, trains by
`POST /v1/tasks`, and presses on personal recommendations calmly: with both stages, then beside another training. Ends
with exit code 1 when a target is missed.
"""

import argparse
import contextlib
import csv
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.pressing import Request, press
from benchmarks.quality import folders
from benchmarks.quality.shop import Shop
from benchmarks.starting import free_port, process, until_it_answers
from server.demo.client import Api, connected
from server.demo.state import DemoShop

MOST_TRAINING_S, MOST_TRAINING_MB = 480, 4_000
SMALL_PRODUCTS, SMALL_EVENTS, MOST_SMALL_TRAINING_S = 2_500, 50_000, 90
P50_MS, P99_MS, P99_BESIDE_MS = 2.0, 8.0, 20.0
_SHOPPERS = 500
_DAY_S = 86_400
_SEED = 5


def main() -> int:
    """Run all of it and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each press")
    parser.add_argument("--small", action="store_true", help="only its 2,500 products bought most, and 50,000 events")
    options = parser.parse_args()
    console = Console()
    shop = folders.read(options.folder, timed=True)
    if options.small:
        shop = _small(shop)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="vitrina-trained-"))
        port = free_port()
        environment = os.environ | {
            "VITRINA_DATA_FOLDER": data,
            "VITRINA_PORT": str(port),
            "VITRINA_API_PROCESSES": "1",
            "VITRINA_LOG_FORMAT": "json",
            "VITRINA_KEY_REQUESTS_PER_S": "0",  # what the server can do, not what one key or shop may
            "VITRINA_SHOP_SHARE": "1",
        }
        family = stack.enter_context(process(["-m", "server", "up"], environment))
        until_it_answers(f"http://127.0.0.1:{port}/readyz")
        api = stack.enter_context(connected(f"http://127.0.0.1:{port}"))
        keys = api.create_shop(Path(data, "operator.key").read_text().strip(), {"slug": "own", "name": shop.name})
        console.print(f"{shop.name}: importing {len(shop.products):,} products and {len(shop.histories):,} events")
        _import(api, keys, shop, Path(data))
        verdict = _train(api, keys, console)
        requests = _requests(shop)
        press(port, requests, keys.publishable_key, 2.0, calmly=True)  # warm
        alone = press(port, requests, keys.publishable_key, options.seconds, calmly=True)
        task = api.start_task(keys, "train")
        while api.task(keys, task)["status"] == "queued":
            time.sleep(0.2)
        beside = press(port, requests, keys.publishable_key, options.seconds * 3, calmly=True)
        serving = next(child for child in family.children(recursive=True) if "serve" in child.cmdline())
        memory_mb = serving.memory_info().rss / 1e6
    most_s = MOST_SMALL_TRAINING_S if len(shop.products) <= SMALL_PRODUCTS else MOST_TRAINING_S
    return _tell(console, verdict, most_s, alone, beside, memory_mb)


def _small(shop: Shop) -> Shop:
    """What shoppers drawn by chance did with the products bought most, to the shopper who reaches the events."""
    bought = np.bincount(shop.histories.rows, minlength=len(shop.products))
    shop = shop.narrowed(np.sort(np.argsort(-bought, kind="stable")[:SMALL_PRODUCTS]))
    shoppers, counts = np.unique(shop.histories.shoppers, return_counts=True)
    drawn = np.random.default_rng(_SEED).permutation(len(shoppers))
    enough = int(np.searchsorted(np.cumsum(counts[drawn]), SMALL_EVENTS)) + 1
    kept = np.isin(shop.histories.shoppers, shoppers[drawn[:enough]])
    return replace(shop, histories=shop.histories.take(kept))


def _import(api: Api, keys: DemoShop, shop: Shop, folder: Path) -> None:
    items, events = folder / "items.jsonl", folder / "events.csv"
    with items.open("w", encoding="utf-8") as file:
        products = shop.products
        for item_id, text, category in zip(products.item_ids, products.texts, products.categories, strict=True):
            item = {"item_id": item_id, "title": text[:200] or item_id, "availability": "in_stock"}
            file.write(json.dumps(item | ({"categories": [category]} if category else {})) + "\n")
    past = shop.histories
    first = 0 if shop.timed else int(time.time()) - 400 * _DAY_S  # an order only: a day between two events
    scale = 1 if shop.timed else _DAY_S * 1000
    with events.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["event_id", "type", "time", "shopper_id", "item_id", "transaction_id"])
        rows = zip(
            past.rows.tolist(), past.shoppers.tolist(), past.baskets.tolist(), past.times_ms.tolist(), strict=True
        )
        for number, (row, shopper, basket, time_ms) in enumerate(rows):
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(first + time_ms * scale / 1000))
            writer.writerow([f"e{number}", "purchase", moment, f"u{shopper}", products.item_ids[row], f"b{basket}"])
    for file, kind in ((items, "items"), (events, "events")):
        api.follow(keys, api.start_import(keys, file, {"kind": kind, "format": "auto"}), lambda _: None)
    while unfinished := api.unfinished_tasks(keys):
        api.follow(keys, unfinished[0]["id"], lambda _: None)


def _train(api: Api, keys: DemoShop, console: Console) -> dict[str, Any]:
    with console.status("Training") as status:
        task = api.follow(
            keys,
            api.start_task(keys, "train"),
            lambda task: status.update(f"Training: {task['stage']}, {task['progress']:.0%}"),
        )
    return task["result"]


def _requests(shop: Shop) -> list[Request]:
    """Home pages of shoppers who have a past."""
    shoppers = sorted({int(shopper) for shopper in shop.histories.shoppers})
    chosen = random.Random(_SEED).sample(shoppers, min(_SHOPPERS, len(shoppers)))
    return [Request(f"/v1/recommendations?placement=home&shopper_id=u{shopper}") for shopper in chosen]


def _tell(console: Console, verdict: dict[str, Any], most_s: float, alone: Any, beside: Any, memory_mb: float) -> int:
    console.print(f"{verdict['stack']}: {verdict['reason']}")
    rows = (
        ("training, all stages, s", verdict["seconds"], most_s),
        ("training, peak MB", verdict["peak_mb"], MOST_TRAINING_MB),
        ("home, p50 ms", alone.p50_ms, P50_MS),
        ("home, p99 ms", alone.p99_ms, P99_MS),
        ("home beside a training, p50 ms", beside.p50_ms, None),
        ("home beside a training, p99 ms", beside.p99_ms, P99_BESIDE_MS),
        ("failed requests", alone.failures + beside.failures, 0),
        ("API process, MB", memory_mb, None),
    )
    table = Table("", "measured", "must")
    for name, value, must in rows:
        table.add_row(name, f"{value:,.2f}", "" if must is None else f"{must:,}")
    console.print(table)
    missed = [name for name, value, must in rows if must is not None and value > must]
    console.print(f"Missed: {', '.join(missed)}." if missed else "All targets met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
