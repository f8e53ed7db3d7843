"""How fast events are taken in, remembered and searched over: one process, one table.

    python -m benchmarks.events [--database postgres://…] [--items 4000]

Events: requests of 1, 10 and 100 events from 32 senders at a time, answered after their commit; no HTTP in it. Store:
rows in bulk, as an import writes them. Recents: one read per shopper. Search: queries over a catalog of `--items`
items. CPU is that of this process, the database's own where it is SQLite.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server.catalog.fields import ItemFields
from server.catalog.matching import Filters
from server.catalog.search import Search
from server.catalog.storing import prepare, write
from server.events.ingest import Ingest
from server.events.store import EventRow, store
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database, migrating
from server.storage import redis as redis_storage
from tests import own_redis

_SENDERS = 32
_SECONDS = 3.0
_SYLLABLES = (
    *("ka", "lo", "mi", "ren", "tu", "sha", "bel", "dor", "fin", "gra"),
    *("hul", "jon", "kip", "las", "nov", "pre", "qui", "ras", "sti", "ver"),
)


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="the address of an empty database")
    parser.add_argument("--items", type=int, default=4_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vitrina-events-") as folder, own_redis.running(Path(folder)) as server:
        settings = Settings(
            data_folder=folder, database_url=arguments.database, redis_url=server.url, log_level="warning"
        )
        asyncio.run(_run(settings, arguments.items))


async def _run(settings: Settings, n_items: int) -> None:
    await migrating.migrate(settings)
    await database.connect(settings)
    redis = redis_storage.connect(settings)
    shop = await Shop.create(id="shop_bench", slug="bench", name="Bench")
    ingest = Ingest(settings, redis)
    await ingest.start()
    kind = "SQLite" if database.is_sqlite() else "PostgreSQL"
    print(f"{kind:<34}{'per second':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU us each':>13}")
    for size in (1, 10, 100):
        await _accept(ingest, shop, size)
    await _bulk(shop)
    await _recents(ingest, shop)
    await ingest.stop()
    await _search(shop, n_items)
    await redis.aclose()
    await database.disconnect()


async def _accept(ingest: Ingest, shop: Shop, size: int) -> None:
    numbers = iter(range(10_000_000))

    async def send() -> None:
        first = next(numbers)
        events = [
            {
                "type": "view_item",
                "event_id": f"{size}-{first}-{n}",
                "shopper_id": f"shopper-{first % 2000}",
                "session_id": f"session-{first % 5000}",
                "items": [{"item_id": f"item-{(first + n) % 4000}", "price": 9.9}],
                "item_list_id": "home",
            }
            for n in range(size)
        ]
        outcome = await ingest.accept(shop.id, events, trusted=False)
        assert outcome.accepted == size

    await _measure(f"requests of {size} event{'s'[: size > 1]}", send, _SENDERS, times=size, unit=" events")


async def _bulk(shop: Shop) -> None:
    numbers = iter(range(10_000_000))

    async def write_chunk() -> None:
        first = next(numbers) * 5_000
        rows = [
            EventRow(
                f"bulk-{n // 20}.{n % 20}", 0, "purchase", n * 1000, f"shopper-{n % 4000}", item_id=f"item-{n % 4000}"
            )
            for n in range(first, first + 5_000)
        ]
        async with database.transaction() as connection:
            await store(connection, shop.id, rows)

    await _measure("rows stored, 5,000 at a time", write_chunk, 1, times=5_000)


async def _recents(ingest: Ingest, shop: Shop) -> None:
    async def look() -> None:
        number = random.randrange(2000)
        await ingest.recents.of(shop.id, f"shopper-{number}", f"session-{number}")

    for number in range(2000):
        await ingest.recents.of(shop.id, f"shopper-{number}", f"session-{number}")
    await _measure("recent items of a shopper", look, 1)


async def _search(shop: Shop, n_items: int) -> None:
    names = ["".join(random.choices(_SYLLABLES, k=random.randint(2, 4))) for _ in range(3_000)]
    weights = [1 / (n + 5) for n in range(len(names))]
    items = [
        ItemFields(
            item_id=f"item-{n}",
            title=" ".join(random.choices(names, weights, k=5)).title(),
            description=" ".join(random.choices(names, weights, k=60)),
            categories=[" > ".join(random.choices(names[:20], k=2))],
            price=10.0,
        )
        for n in range(n_items)
    ]
    started = time.perf_counter()
    for start in range(0, n_items, 500):
        async with database.transaction() as connection:
            await write(connection, shop.id, [prepare(one, "EUR") for one in items[start : start + 500]])
    rate = n_items / (time.perf_counter() - started)
    print(f"{f'items stored and indexed ({n_items:,})':<34}{rate:>12,.0f}")

    search = Search()

    def asking(form: Callable[[str], str]) -> Callable[[], Awaitable[Any]]:
        async def ask() -> None:
            await search.find(shop.id, form(random.choice(names[50:])), Filters(), 12)

        return ask

    await asking(str)()
    for label, form in (
        ("search: a word", lambda word: f"{word} "),
        ("search: as one types", lambda word: word[:4]),
        ("search: two words", lambda word: f"{word} {names[7]}"),
        ("search: a slip", lambda word: word[:2] + word[3] + word[2] + word[4:]),
    ):
        await _measure(label, asking(form), 1, seconds=1.5)


async def _measure(
    label: str,
    do: Callable[[], Awaitable[Any]],
    together: int,
    *,
    times: int = 1,
    unit: str = "",
    seconds: float = _SECONDS,
) -> None:
    """Do it for some seconds, `together` at a time, and print a line. `times`: how many things one doing is."""
    taken: list[float] = []
    ends = time.perf_counter() + seconds

    async def repeat() -> None:
        while time.perf_counter() < ends:
            started = time.perf_counter()
            await do()
            taken.append(time.perf_counter() - started)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(repeat() for _ in range(together)))
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    done = len(taken) * times
    taken.sort()
    p50, p99 = taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3
    print(f"{label:<34}{done / elapsed:>12,.0f}{p50:>9.2f}{p99:>9.2f}{cpu / done * 1e6:>13.1f}{unit}")


if __name__ == "__main__":
    main()
