"""A shopper's last items: true right after each event, in every order of readers, writers and failures."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from server.events.recents import MOST, Recent, Recents
from server.events.store import EventRow, store
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database
from tests.own_redis import OwnRedis, running

START_MS = 1_780_000_000_000


@pytest.fixture
async def recents(db: None, redis: Redis) -> AsyncIterator[Recents]:
    made = Recents(redis)
    yield made
    await made.close()


def viewed(
    item_id: str, after_s: float = 0, shopper: str | None = "anna", session: str | None = None, kind: str = "view_item"
) -> EventRow:
    time_ms = START_MS + int(after_s * 1000)
    event_id = f"{item_id}-{after_s}-{shopper}-{session}-{kind}"
    return EventRow(event_id, 0, kind, time_ms, shopper_id=shopper, session_id=session, item_id=item_id)


async def commit(shop: Shop, *rows: EventRow) -> None:
    async with database.transaction() as connection:
        await store(connection, shop.id, rows)


async def happen(recents: Recents, shop: Shop, *rows: EventRow) -> None:
    await commit(shop, *rows)
    await recents.remember((shop.id, row) for row in rows)


async def items_of(recents: Recents, shop: Shop, shopper: str | None = "anna", session: str | None = None) -> list[str]:
    return [recent.item_id for recent in await recents.of(shop.id, shopper, session)]


async def test_unknown_shopper_has_none(recents: Recents, shop: Shop) -> None:
    assert await recents.of(shop.id, "nobody", "nowhere") == ()
    assert await recents.of(shop.id, None, None) == ()


async def test_newest_first_whatever_came_first(recents: Recents, shop: Shop) -> None:
    await happen(recents, shop, viewed("B", 20))
    assert await recents.of(shop.id, "anna", None) == (Recent("B", "view_item", START_MS + 20_000),)
    await happen(recents, shop, viewed("C", 30), viewed("A", 10))
    assert await items_of(recents, shop) == ["C", "B", "A"]


async def test_shopper_and_session_are_merged(recents: Recents, shop: Shop) -> None:
    await happen(recents, shop, viewed("A", 1, "anna", None), viewed("B", 2, None, "s1"), viewed("C", 3, "anna", "s1"))
    assert await items_of(recents, shop, "anna", "s1") == ["C", "B", "A"]
    assert await items_of(recents, shop, None, "s1") == ["C", "B"]
    assert await items_of(recents, shop, "anna", None) == ["C", "A"]


async def test_shops_do_not_mix(recents: Recents, shop: Shop, other_shop: Shop) -> None:
    await happen(recents, shop, viewed("A"))
    assert await items_of(recents, other_shop) == []


async def test_lists_that_were_only_shown_do_not_count(recents: Recents, shop: Shop) -> None:
    await happen(recents, shop, viewed("A"), viewed("B", 1, kind="view_item_list"), viewed("C", 2, kind="purchase"))
    assert await items_of(recents, shop) == ["C", "A"]


async def test_only_the_newest_are_kept(recents: Recents, shop: Shop) -> None:
    rows = [viewed(f"item-{n}", n) for n in range(1_200)]
    for start in range(0, 1_200, 120):
        await happen(recents, shop, *rows[start : start + 120])
        newest = [row.item_id for row in reversed(rows[: start + 120])][:MOST]
        assert await items_of(recents, shop) == newest


async def test_lost_redis_is_rebuilt_from_the_database(recents: Recents, shop: Shop, redis: Redis) -> None:
    await happen(recents, shop, viewed("A", 1), viewed("B", 2))
    before = await items_of(recents, shop)
    await redis.flushall()
    assert await items_of(recents, shop) == before
    await happen(recents, shop, viewed("C", 3))
    assert await items_of(recents, shop) == ["C", *before]


async def test_known_shopper_costs_one_round_trip(recents: Recents, shop: Shop, redis: Redis) -> None:
    await happen(recents, shop, viewed("A", 1, "anna", "s1"))
    await items_of(recents, shop, "anna", "s1")
    before = (await redis.info("stats"))["total_commands_processed"]
    assert await items_of(recents, shop, "anna", "s1") == ["A"]
    assert (await redis.info("stats"))["total_commands_processed"] - before == 2  # MGET, and INFO itself


async def test_event_committed_while_a_reader_rebuilds_is_not_lost(
    recents: Recents, shop: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.events import recents as module

    read = module._from_database

    async def slow(identity: module.Identity) -> list[Recent]:
        found = await read(identity)
        await happen(other, shop, viewed(f"during-{len(found)}", 10 + len(found)))  # by another process, meanwhile
        return found

    other = Recents(redis)
    for already in (0, 1, 2):
        await redis.flushall()
        monkeypatch.setattr(module, "_from_database", slow)
        await items_of(recents, shop)
        monkeypatch.setattr(module, "_from_database", read)
        assert (await items_of(recents, shop))[0] == f"during-{already}"


async def test_event_that_a_reader_finds_before_it_is_told_shows_once(recents: Recents, shop: Shop) -> None:
    row = viewed('A ["x"],', 1)
    await commit(shop, row)
    assert await items_of(recents, shop) == ['A ["x"],']  # rebuilt between the commit and what follows it
    await recents.remember([(shop.id, row)])
    await recents.remember([(shop.id, row)])
    assert await items_of(recents, shop) == ['A ["x"],']


async def test_readers_and_writers_of_two_processes_at_once(recents: Recents, shop: Shop, redis: Redis) -> None:
    other = Recents(redis)

    async def write(writer: Recents, name: str) -> None:
        for number in range(20):
            await happen(writer, shop, viewed(f"{name}{number}", number))
            assert f"{name}{number}" in await items_of(writer, shop)
            if number % 7 == 0:
                await redis.flushall()

    async def read() -> None:
        for _ in range(60):
            await items_of(other, shop)

    await asyncio.gather(write(recents, "x"), write(other, "y"), read())
    assert sorted(await items_of(recents, shop)) == sorted(f"{name}{n}" for name in "xy" for n in range(20))


async def test_events_stored_in_bulk_show_after_forgetting(recents: Recents, shop: Shop, other_shop: Shop) -> None:
    await happen(recents, shop, viewed("A", 1))
    await items_of(recents, shop)
    await commit(shop, viewed("B", 2))
    assert await items_of(recents, shop) == ["A"]
    await recents.forget(shop.id)
    assert await items_of(recents, shop) == ["B", "A"]


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    with running(tmp_path_factory.mktemp("own"), keeps=True) as server:
        yield server


@pytest.mark.slow
async def test_event_while_redis_is_down_shows_when_it_is_back(
    own_redis: OwnRedis, settings: Settings, shop: Shop
) -> None:
    client = Redis.from_url(own_redis.url)
    recents = Recents(client)
    await happen(recents, shop, viewed("A", 1))
    assert await items_of(recents, shop) == ["A"]
    own_redis.stop()
    await happen(recents, shop, viewed("B", 2))
    assert await items_of(recents, shop) == []
    own_redis.start()
    await asyncio.sleep(1.2)
    assert await items_of(recents, shop) == ["B", "A"]
    await recents.close()
    await client.aclose()


@pytest.mark.slow
async def test_redis_that_hangs_costs_half_a_second_once(own_redis: OwnRedis, db: None, shop: Shop) -> None:
    client = Redis.from_url(own_redis.url)
    recents = Recents(client)
    await happen(recents, shop, viewed("A", 1))
    assert own_redis.process
    own_redis.process.send_signal(19)  # SIGSTOP
    started = time.monotonic()
    assert await items_of(recents, shop) == []
    assert await items_of(recents, shop) == []
    assert time.monotonic() - started < 0.8
    own_redis.process.send_signal(18)  # SIGCONT
    await asyncio.sleep(1.1)
    assert await items_of(recents, shop) == ["A"]
    await recents.close()
    await client.aclose()
