"""Snapshots in memory: loaded once, swapped under way, kept true, kept within bounds; a damaged one is not used."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from server.catalog import items as catalog
from server.catalog.fields import ItemFields
from server.learning.build import build
from server.serving import snapshot
from server.serving.live import Live
from server.serving.models import ModelVersion
from server.serving.shelf import Shelf
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs, messages
from server.storage.messages import Message
from tests.serving.goods import Counter, goods, happen, purchase, stock


async def eventually(true: Callable[[], Awaitable[bool]], within_s: float = 1.0) -> None:
    """Fail unless it becomes true in time."""
    deadline = time.monotonic() + within_s
    while not await true():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        await asyncio.sleep(0.01)


@pytest.fixture
async def listening(stocked: Counter) -> AsyncIterator[list[Counter]]:
    """Two processes' worth of serving that hear messages."""
    counters = [stocked, Counter(stocked.settings, stocked.redis, stocked.shop)]
    ready = [asyncio.Event() for _ in counters]

    def connected(counter: Counter, event: asyncio.Event) -> Callable[[], Awaitable[None]]:
        async def on_connect() -> None:
            await counter.shelf.on_connect()
            event.set()

        return on_connect

    listeners = [
        asyncio.create_task(messages.listen(stocked.redis, counter.shelf.on_message, connected(counter, event)))
        for counter, event in zip(counters, ready, strict=True)
    ]
    await asyncio.gather(*(event.wait() for event in ready))
    for counter in counters:
        await counter.ids()
        await counter.shelf.settled()
    yield counters
    for task in listeners:
        task.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    await counters[1].shelf.close()


async def test_sold_out_item_is_gone_everywhere_within_a_second(listening: list[Counter]) -> None:
    shop, redis = listening[0].shop, listening[0].redis
    for placement in ("home", "product-page"):
        question = {"placement": placement, "item_ids": ("sku-1",), "limit": 100}
        assert all(["sku-7" in await counter.ids(**question) for counter in listening])
    await catalog.patch(shop, "sku-7", {"availability": "out_of_stock"}, redis)

    async def gone() -> bool:
        return not any(["sku-7" in await counter.ids(placement="home", limit=100) for counter in listening])

    await eventually(gone)
    assert "sku-7" in await listening[1].ids(limit=100, in_stock=False)
    await catalog.patch(shop, "sku-7", {"availability": "in_stock"}, redis)

    async def back() -> bool:
        return all(["sku-7" in await counter.ids(placement="home", limit=100) for counter in listening])

    await eventually(back)


async def test_price_title_and_deletion_show_within_a_second(listening: list[Counter]) -> None:
    shop, redis = listening[0].shop, listening[0].redis
    await catalog.patch(shop, "sku-8", {"price": 5.0, "title": "leather belt in the sale"}, redis)
    await catalog.delete(shop, ["sku-9"], redis)

    async def shown() -> bool:
        [cheap] = (await listening[1].ask(price_max=6.0))["items"] or [{}]
        return cheap.get("title") == "leather belt in the sale" and "sku-9" not in await listening[1].ids(limit=100)

    await eventually(shown)


async def test_new_items_and_variants_break_nothing_before_the_next_snapshot(listening: list[Counter]) -> None:
    shop, redis = listening[0].shop, listening[0].redis
    before = await listening[0].ids(limit=100)
    new = [
        ItemFields(item_id="new", title="wool coat brand new"),
        ItemFields(item_id="sku-5-xl", group_id="sku-5", title="rain boot xl"),
    ]
    await catalog.upsert(shop, new, redis)
    await catalog.patch(shop, "sku-5", {"availability": "out_of_stock"}, redis)

    async def variant_stands_in() -> bool:
        return "sku-5-xl" in await listening[0].ids(limit=100)

    await eventually(variant_stands_in)
    assert set(await listening[0].ids(limit=100)) == {*before, "sku-5-xl"} - {"sku-5"}
    page = await listening[0].ask(placement="product-page", item_ids=("sku-5-xl",))
    assert "rain boot" in page["items"][0]["title"]
    await listening[0].learn()
    assert "new" in await listening[0].ids(limit=100)


async def test_large_change_is_caught_up_without_names(listening: list[Counter]) -> None:
    shop, redis = listening[0].shop, listening[0].redis
    sold_out = [ItemFields(item_id=f"sku-{n}", title="gone", availability="out_of_stock") for n in range(40)]
    await catalog.upsert(shop, sold_out, redis)
    await messages.publish(redis, Message("items-changed", shop.id))

    async def gone() -> bool:
        return len(await listening[1].ids(limit=100)) == 20

    await eventually(gone)


async def test_missed_messages_are_made_up_for(stocked: Counter) -> None:
    await stocked.ids()
    await stocked.shelf.settled()
    await catalog.patch(stocked.shop, "sku-1", {"availability": "out_of_stock"}, stocked.redis)
    await catalog.delete(stocked.shop, ["sku-2", "sku-3"], stocked.redis)
    assert "sku-1" in await stocked.ids(limit=100), "nobody told this process"
    await stocked.shelf.on_connect()
    await stocked.shelf.settled()
    assert len(await stocked.ids(limit=100)) == 57


async def test_snapshot_loaded_late_knows_what_changed_since_it_was_built(stocked: Counter) -> None:
    await catalog.patch(stocked.shop, "sku-1", {"availability": "out_of_stock"}, stocked.redis)
    await catalog.delete(stocked.shop, ["sku-2"], stocked.redis)
    late = Counter(stocked.settings, stocked.redis, stocked.shop)
    assert {"sku-1", "sku-2"}.isdisjoint(await late.ids(limit=100))
    await late.shelf.close()


async def test_new_snapshot_takes_over_while_requests_run(listening: list[Counter]) -> None:
    stop = asyncio.Event()
    versions: list[str] = []

    async def shopper(counter: Counter, number: int) -> None:
        while not stop.is_set():
            answer = await counter.ask(shopper_id=f"s{number}", item_ids=(f"sku-{number}",))
            assert len(answer["items"]) == 12
            versions.append(answer["model_version"])

    shoppers = [asyncio.create_task(shopper(counter, n)) for counter in listening for n in range(4)]
    orders = [purchase(f"s{n}", f"o{n}", f"sku-{n}", f"sku-{n + 1}") for n in range(30)]
    await happen(listening[0].settings, listening[0].redis, listening[0].shop, orders)
    await build(listening[0].shop, listening[0].settings)

    async def taken() -> bool:
        return versions[-8:].count("m_2") == 8

    await eventually(taken, 5.0)
    stop.set()
    await asyncio.gather(*shoppers)
    assert versions[0] == "m_1"


async def test_old_snapshot_goes_with_its_last_request(stocked: Counter) -> None:
    import gc
    import weakref

    held: Live | None = await stocked.shelf.get(stocked.shop.id)
    old = weakref.ref(held.snapshot)
    await stocked.learn()
    await stocked.ids()
    assert old() is not None
    held = None
    gc.collect()
    assert old() is None


@pytest.mark.parametrize("damage", ["byte", "format", "missing", "empty"])
async def test_damaged_snapshot_means_the_version_before(stocked: Counter, damage: str) -> None:
    await build(stocked.shop, stocked.settings)
    version = await ModelVersion.get(shop_id=stocked.shop.id, number=2)
    folder = blobs.path_of(stocked.settings, version.folder)
    match damage:
        case "byte":
            cards = bytearray((folder / "cards.bin").read_bytes())
            cards[100] ^= 1
            (folder / "cards.bin").write_bytes(cards)
        case "format":
            manifest = (folder / "manifest.json").read_text()
            (folder / "manifest.json").write_text(manifest.replace(f'"format": {snapshot.FORMAT}', '"format": 99'))
        case "missing":
            (folder / "price.npy").unlink()
        case _:
            (folder / "manifest.json").write_text("")
    fresh = Counter(stocked.settings, stocked.redis, stocked.shop)
    answer = await fresh.ask()
    assert answer["model_version"] == "m_1"
    assert len(answer["items"]) == 12
    await fresh.shelf.close()


async def test_snapshot_of_the_format_before_is_read(stocked: Counter) -> None:
    version = await ModelVersion.get(shop_id=stocked.shop.id)
    manifest = blobs.path_of(stocked.settings, version.folder) / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"format": {snapshot.FORMAT}', '"format": 2'))
    assert snapshot.is_readable(manifest.parent)


async def test_without_any_usable_snapshot_the_newest_items_answer(stocked: Counter) -> None:
    version = await ModelVersion.get(shop_id=stocked.shop.id)
    blobs.remove(stocked.settings, version.folder)
    fresh = Counter(stocked.settings, stocked.redis, stocked.shop)
    assert (await fresh.ask())["strategy"] == "newest"
    await fresh.shelf.close()


async def test_roll_back_is_followed(listening: list[Counter]) -> None:
    shop, redis = listening[0].shop, listening[0].redis
    await build(shop, listening[0].settings)
    first = await ModelVersion.get(shop_id=shop.id, number=1)
    await Shop.filter(id=shop.id).update(live_version_id=first.id)
    await messages.publish(redis, Message("snapshot-activated", shop.id))

    async def back() -> bool:
        return (await listening[1].ask())["model_version"] == "m_1"

    await eventually(back)


async def test_least_recently_used_shop_is_let_go(settings: Settings, db: None, redis: Redis) -> None:
    shelf = Shelf(settings)
    shops = [await Shop.create(id=f"shop_{n}", slug=f"s{n}", name=f"Shop {n}") for n in range(4)]
    for one in shops:
        await stock(one, redis, goods(30))
        await build(one, settings)
    for one in shops[:3]:
        await shelf.get(one.id)
    shelf.budget_bytes = shelf.size_bytes
    await shelf.get("shop_0")
    await shelf.get("shop_3")
    assert shelf.loaded() == ["shop_2", "shop_0", "shop_3"], "shop_1 was asked for longest ago"
    assert await shelf.get("shop_1") is not None, "and comes back when asked for"
    assert shelf.loaded() == ["shop_0", "shop_3", "shop_1"]
    await shelf.close()


async def test_many_first_requests_load_once(stocked: Counter) -> None:
    fresh = Counter(stocked.settings, stocked.redis, stocked.shop)
    found = await asyncio.gather(*(fresh.shelf.get(stocked.shop.id) for _ in range(20)))
    assert len({id(live) for live in found}) == 1
    await fresh.shelf.close()


async def test_unknown_shop_has_nothing(counter: Counter) -> None:
    assert await counter.shelf.get("shop_nobody") is None
