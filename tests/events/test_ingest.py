"""Events in: judged one by one, committed together, never lost once accepted, never counted twice."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from server.events import ingest as ingest_module
from server.events.ingest import Ingest, Outcome, Unavailable
from server.events.models import Event
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database


@pytest.fixture
async def ingest(settings: Settings, db: None, redis: Redis) -> AsyncIterator[Ingest]:
    running = Ingest(settings, redis)
    await running.start()
    yield running
    await running.stop()


def view(event_id: str | None, item_id: str = "A", **fields: Any) -> dict[str, Any]:
    named = {"event_id": event_id} if event_id else {}
    return {"type": "view_item", "session_id": "s1", "item_id": item_id, **named, **fields}


async def test_accepted_events_are_in_the_database(ingest: Ingest, shop: Shop) -> None:
    order = {
        "type": "purchase",
        "event_id": "order-1",
        "shopper_id": "anna",
        "transaction_id": "T1",
        "currency": "eur",
        "value": 30.5,
        "items": [{"item_id": "A", "price": 10, "quantity": 2, "coupon": "X"}, {"item_id": "B", "price": "10.50"}],
        "affiliation": "web",
    }
    outcome = await ingest.accept(shop.id, [order, view("v1")], trusted=False)
    assert outcome == Outcome(2, 0, [])
    rows = await Event.filter(shop_id=shop.id, event_id="order-1").order_by("position")
    assert [(row.item_id, row.price, row.quantity, row.value, row.currency) for row in rows] == [
        ("A", 10.0, 2.0, 30.5, "EUR"),
        ("B", 10.5, None, None, "EUR"),
    ]
    assert rows[0].extra == {"event": {"affiliation": "web"}, "item": {"coupon": "X"}}
    assert abs(rows[0].time_ms - time.time() * 1000) < 60_000


async def test_repeat_is_a_duplicate_and_changes_nothing(ingest: Ingest, shop: Shop, other_shop: Shop) -> None:
    first = await ingest.accept(shop.id, [view("e1"), view("e1"), view("e2")], trusted=False)
    assert (first.accepted, first.duplicates) == (2, 1)
    changed = {**view("e1"), "items": [{"item_id": "A"}, {"item_id": "B"}, {"item_id": "C"}]}
    again = await ingest.accept(shop.id, [changed, view("e3")], trusted=False)
    assert (again.accepted, again.duplicates) == (1, 1)
    assert await Event.filter(shop_id=shop.id, event_id="e1").count() == 1
    elsewhere = await ingest.accept(other_shop.id, [view("e1")], trusted=False)
    assert elsewhere.accepted == 1


async def test_events_without_an_id_get_one(ingest: Ingest, shop: Shop) -> None:
    outcome = await ingest.accept(shop.id, [view(None), view(None)], trusted=False)
    assert outcome.accepted == 2
    assert len({row.event_id for row in await Event.filter(ACROSS_SHOPS)}) == 2


async def test_bad_events_are_listed_and_the_others_taken(ingest: Ingest, shop: Shop) -> None:
    events = [view("e1"), {"type": "nonsense"}, 7, view("e2", item_id="a\x00b"), view("e3")]
    outcome = await ingest.accept(shop.id, events, trusted=False)
    assert outcome.accepted == 2
    assert [(one.index, one.pointer) for one in outcome.rejected] == [
        (1, "/events/1/type"),
        (2, "/events/2"),
        (3, "/events/3/item_id"),
    ]


async def test_same_events_from_many_requests_at_once_count_once(ingest: Ingest, shop: Shop) -> None:
    batches = [[view(f"e{number}"), view("shared")] for number in range(100)]
    outcomes = await asyncio.gather(*(ingest.accept(shop.id, batch, trusted=False) for batch in batches))
    assert sum(one.accepted for one in outcomes) == 101
    assert sum(one.duplicates for one in outcomes) == 99
    assert await Event.filter(ACROSS_SHOPS).count() == 101


async def test_concurrent_requests_share_commits(ingest: Ingest, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = 0
    transaction = database.transaction

    def counted() -> Any:
        nonlocal commits
        commits += 1
        return transaction()

    monkeypatch.setattr(database, "transaction", counted)
    await asyncio.gather(*(ingest.accept(shop.id, [view(f"e{n}")], trusted=False) for n in range(200)))
    assert await Event.filter(ACROSS_SHOPS).count() == 200
    assert commits <= 5


async def test_request_that_the_database_refuses_does_not_fail_its_neighbours(ingest: Ingest, shop: Shop) -> None:
    good = [ingest.accept(shop.id, [view(f"e{n}")], trusted=False) for n in range(5)]
    gone = ingest.accept("shop_deleted_meanwhile", [view("x")], trusted=False)
    *outcomes, failed = await asyncio.gather(*good, gone, return_exceptions=True)
    assert all(isinstance(one, Outcome) and one.accepted == 1 for one in outcomes)
    assert isinstance(failed, Exception) and not isinstance(failed, Unavailable)
    assert await Event.filter(ACROSS_SHOPS).count() == 5


async def test_too_many_waiting_events_are_refused(ingest: Ingest, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "_MOST_ROWS_WAITING", 50)
    batches = [[view(f"{n}-{k}") for k in range(20)] for n in range(10)]
    results = await asyncio.gather(
        *(ingest.accept(shop.id, batch, trusted=False) for batch in batches), return_exceptions=True
    )
    accepted = [one for one in results if isinstance(one, Outcome)]
    assert accepted and len(accepted) < 10
    assert all(isinstance(one, Unavailable) for one in results if not isinstance(one, Outcome))
    assert await Event.filter(ACROSS_SHOPS).count() == sum(one.accepted for one in accepted)


async def test_caller_that_goes_away_does_not_disturb_the_others(ingest: Ingest, shop: Shop) -> None:
    leaving = asyncio.create_task(ingest.accept(shop.id, [view("e1")], trusted=False))
    staying = asyncio.create_task(ingest.accept(shop.id, [view("e2")], trusted=False))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).accepted == 1
    assert (await ingest.accept(shop.id, [view("e3")], trusted=False)).accepted == 1


async def test_stopping_commits_what_waits_and_refuses_what_comes(settings: Settings, shop: Shop, redis: Redis) -> None:
    ingest = Ingest(settings, redis)
    await ingest.start()
    waiting = [asyncio.create_task(ingest.accept(shop.id, [view(f"e{n}")], trusted=False)) for n in range(20)]
    await asyncio.sleep(0)
    await ingest.stop()
    assert sum([(await one).accepted for one in waiting]) == 20
    with pytest.raises(Unavailable):
        await ingest.accept(shop.id, [view("late")], trusted=False)


@asynccontextmanager
async def _database_in_trouble(settings: Settings) -> AsyncIterator[None]:
    """SQLite: another process holds the lock. PostgreSQL: the server drops all connections of the pool."""
    if database.is_sqlite():
        await database.writer().execute_query("PRAGMA busy_timeout=50")
        other = sqlite3.connect(settings.database_url.removeprefix("sqlite://"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        await asyncio.gather(*(database.writer().execute_query("SELECT pg_sleep(0.02)") for _ in range(5)))
        await database.writer().execute_query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        yield


async def test_database_in_trouble_is_told_and_then_all_works_again(
    settings: Settings, ingest: Ingest, shop: Shop
) -> None:
    for number in range(6):  # more often than the pool has connections
        async with _database_in_trouble(settings):
            sent = (ingest.accept(shop.id, [view(f"{number}-{n}")], trusted=False) for n in range(3))
            results = await asyncio.gather(*sent, return_exceptions=True)
        assert all(isinstance(one, Outcome | Unavailable) for one in results)
    assert (await ingest.accept(shop.id, [view("last")], trusted=False)).accepted == 1


async def test_event_counts_even_while_redis_is_away(settings: Settings, shop: Shop) -> None:
    away = Redis.from_url("redis://127.0.0.1:18179/0", socket_connect_timeout=1)
    ingest = Ingest(settings, away)
    await ingest.start()
    assert (await ingest.accept(shop.id, [view("e1")], trusted=False)).accepted == 1
    assert await ingest.recents.of(shop.id, None, "s1") == ()
    await ingest.stop()
    await away.aclose()


_SENDER = """
import asyncio, sys
from server.events.ingest import Ingest
from server.settings import load
from server.storage import database, redis as redis_storage

async def main(name, n_shared):
    settings = load()
    await database.connect(settings)
    ingest = Ingest(settings, redis_storage.connect(settings))
    await ingest.start()

    async def send(event_id):
        event = {"type": "view_item", "event_id": event_id, "session_id": "s", "item_id": "A"}
        outcome = await ingest.accept("shop_test", [event], trusted=False)
        print(event_id, outcome.accepted, flush=True)

    print("ready 0", flush=True)
    sys.stdin.readline()
    for start in range(0, 100_000, 20):
        own = [send(f"{name}-{n}") for n in range(start, start + 10)]
        shared = [send(f"shared-{n}") for n in range(start, start + 10) if n < n_shared]
        await asyncio.gather(*own, *shared)
        if n_shared and start > n_shared:
            break
    await ingest.stop()
    await database.disconnect()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def _sender(settings: Settings, name: str, n_shared: int = 0) -> "subprocess.Popen[str]":
    environment = {
        "VITRINA_DATA_FOLDER": settings.data_folder,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _SENDER, name, str(n_shared)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout and process.stdout.readline() == "ready 0\n"
    return process


def _begin(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.slow
async def test_killed_process_loses_nothing_that_it_accepted(settings: Settings, shop: Shop) -> None:
    process = _sender(settings, "one")
    _begin(process)
    await asyncio.sleep(1.0)
    process.kill()
    output, _ = process.communicate()
    told = {line.split()[0] for line in output.splitlines() if line.endswith(" 1")}
    assert len(told) > 20
    stored = set(await Event.filter(shop_id=shop.id).values_list("event_id", flat=True))
    assert told <= stored


@pytest.mark.slow
async def test_two_processes_never_count_an_event_twice(settings: Settings, shop: Shop) -> None:
    processes = [_sender(settings, name, n_shared=200) for name in ("one", "two")]
    for process in processes:
        _begin(process)
    outputs = [(await asyncio.to_thread(process.communicate))[0] for process in processes]
    accepted = [line.split()[0] for output in outputs for line in output.splitlines() if line.endswith(" 1")]
    assert len(accepted) == len(set(accepted)) == await Event.filter(ACROSS_SHOPS).count()
    assert len([event_id for event_id in accepted if event_id.startswith("shared-")]) == 100
