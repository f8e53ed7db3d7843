"""How fast files are taken in, and in how much memory: a million items and a million events, from CSV.

    python -m benchmarks.imports [--rows 1000000] [--database postgres://…]

The rows are those of the demo shops, repeated with ids of their own. Each import runs in a process of its own on a
database in a temporary folder (SQLite unless told otherwise); the table tells seconds, rows per second and the largest
resident memory of that process. Every file is imported twice: the second time nothing changes.
"""

import argparse
import asyncio
import csv
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server.catalog.importing import import_items
from server.catalog.options import ImportOptions
from server.events.erasures import Erasures
from server.events.files import EventOptions, import_events
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database, migrating
from server.storage import redis as redis_storage
from tests import own_redis

DATA = Path(__file__).parent.parent / "server" / "demo" / "data"
MOST_MEMORY_MB = 500
_TRANSACTIONS = {
    "item_id": "StockCode", "transaction_id": "InvoiceNo", "time": "InvoiceDate", "shopper_id": "CustomerID",
    "price": "UnitPrice", "quantity": "Quantity",
}  # fmt: skip


def main() -> None:
    """Make the files, import each in a process of its own, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="the address of an empty database")
    parser.add_argument("--import", dest="one", nargs=3, metavar=("KIND", "FILE", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, file, folder = arguments.one
        print(json.dumps(asyncio.run(_import(kind, file, folder, arguments.database))))
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-imports-") as folder, own_redis.running(Path(folder)):
        files = {"items": _items(Path(folder), arguments.rows), "events": _events(Path(folder), arguments.rows)}
        print(f"{'file':<24}{'MB':>8}{'seconds':>10}{'CPU s':>8}{'rows/s':>10}{'peak MB':>9}  result")
        for kind, file in files.items():
            for attempt in ("first", "again"):
                done = _in_own_process(kind, file, Path(folder), arguments.database)
                rate = arguments.rows / done["seconds"]
                size = file.stat().st_size / 1e6
                print(
                    f"{kind + ', ' + attempt:<24}{size:>8.0f}{done['seconds']:>10.1f}{done['cpu']:>8.1f}{rate:>10,.0f}"
                    f"{done['memory']:>9.0f}  {done['result']}"
                )
                if done["memory"] >= MOST_MEMORY_MB:
                    sys.exit(f"The import took {done['memory']:.0f} MB; {MOST_MEMORY_MB} MB are allowed.")


def _items(folder: Path, rows: int) -> Path:
    with (DATA / "luma" / "products.csv").open(encoding="utf-8", newline="") as file:
        products = list(csv.DictReader(file))
    path = folder / "items.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(products[0]))
        writer.writeheader()
        for number in range(rows):
            product = products[number % len(products)]
            writer.writerow(product | {"sku": f"{product['sku']}-{number // len(products)}"})
    return path


def _events(folder: Path, rows: int) -> Path:
    path = folder / "events.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(_transactions(rows))
    return path


def _transactions(rows: int) -> Iterator[list[str]]:
    """The header, then lines of invoices; from the second round on with invoice numbers of their own."""
    done, rounds = 0, 0
    while done < rows:
        with gzip.open(DATA / "gift-shop" / "transactions.csv.gz", "rt", encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines)
            if rounds == 0:
                yield header
            for line in lines:
                if done == rows:
                    return
                done += 1
                yield [f"{line[0]}-{rounds}", *line[1:]] if rounds else line
        rounds += 1


def _in_own_process(kind: str, file: Path, folder: Path, address: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.imports",
        "--database",
        address,
        "--import",
        kind,
        str(file),
        str(folder),
    ]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(finished.stdout.splitlines()[-1])


async def _import(kind: str, file: str, folder: str, address: str) -> dict[str, Any]:
    server = own_redis.OwnRedis(Path(folder))
    settings = Settings(data_folder=folder, database_url=address, redis_url=server.url, log_level="error")
    await migrating.migrate(settings)
    await database.connect(settings)
    redis = redis_storage.connect(settings)
    try:
        shop, _ = await Shop.get_or_create({"slug": kind, "name": kind}, id=f"shop_{kind}")
        began, cpu = time.monotonic(), time.process_time()
        if kind == "items":
            report: Any = await import_items(shop, Path(file), ImportOptions(), _silent, redis)
            result = f"{report.created:,} created, {report.unchanged:,} unchanged, {report.rejected:,} rejected"
        else:
            wanted = EventOptions(mapping=_TRANSACTIONS, constants={"type": "purchase"}, currency="GBP")
            report = await import_events(shop, Path(file), wanted, _silent, Erasures(settings))
            result = f"{report.accepted:,} accepted, {report.duplicates:,} duplicates, {report.rejected:,} rejected"
        return {
            "seconds": time.monotonic() - began,
            "cpu": time.process_time() - cpu,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "result": result,
        }
    finally:
        await redis.aclose()
        await database.disconnect()


async def _silent(stage: str, done: int, total: int, unit: str) -> None:
    del stage, done, total, unit


if __name__ == "__main__":
    main()
