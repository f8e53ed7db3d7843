"""Building a snapshot from whatever a shop has: much, little, nothing, or something odd."""

import asyncio

import pytest

from server.catalog.fields import ItemFields
from server.catalog.models import Encoding
from server.learning.build import build
from server.serving.models import ModelVersion
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs
from server.storage import redis as redis_storage
from server.storage.messages import CHANNEL
from tests.serving.goods import Counter, goods, happen, purchase, stock


class Report:
    """Collects what a build tells of its progress."""

    def __init__(self) -> None:
        self.stages: dict[str, tuple[int, int, str]] = {}

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        self.stages[stage] = (done, total, unit)


async def test_shop_without_items_has_an_empty_snapshot(counter: Counter) -> None:
    await counter.learn()
    answer = await counter.ask(item_ids=("anything",), shopper_id="anyone", category="any")
    assert (answer["items"], answer["model_version"]) == ([], "m_1")


async def test_shop_with_one_item_shows_it(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(1))
    await counter.learn()
    assert await counter.ids() == ["sku-0"]
    assert await counter.ids(item_ids=("sku-0",)) == []


async def test_shop_that_is_not_encoded_is_served_all_the_same(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(40))
    await Encoding.filter(ACROSS_SHOPS).delete()
    await counter.learn()
    page = await counter.ask(placement="product-page", item_ids=("sku-7",), limit=8)
    assert [item["reason"]["text"] for item in page["items"][:6]] == ["More from coats"] * 6
    assert page["strategy"] == "category"
    assert len(page["items"]) == 8


async def test_events_of_unknown_items_are_passed_over(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(20))
    orders = [purchase(f"s{n}", f"o{n}", "sku-3", "no-such-item", "sku-4") for n in range(8)]
    await happen(counter.settings, counter.redis, counter.shop, orders)
    await counter.learn()
    assert (await counter.ids(placement="cart", item_ids=("sku-3",)))[0] == "sku-4"
    assert set(await counter.ids(limit=2)) == {"sku-3", "sku-4"}, "the most popular first"


async def test_events_alone_make_no_snapshot_fail(counter: Counter) -> None:
    await happen(counter.settings, counter.redis, counter.shop, [purchase("s", "o", "a", "b")])
    await counter.learn()
    assert await counter.ids() == []


async def test_build_goes_live_and_tells_everyone(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(20))
    async with redis_storage.connect(counter.settings) as redis, redis.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.subscribe(CHANNEL)
        await asyncio.sleep(0.05)
        version = await build(counter.shop, counter.settings)
        message = None
        while message is None:
            message = await heard.get_message(timeout=1)
    assert b"snapshot-activated" in message["data"]
    await counter.shop.refresh_from_db()
    assert counter.shop.live_version_id == version.id
    assert version.metrics == {"products": 20, "items": 20, "events": 0}


async def test_progress_names_stages_and_counts(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(30))
    await happen(counter.settings, counter.redis, counter.shop, [purchase("s", "o", "sku-1", "sku-2")])
    report = Report()
    await build(counter.shop, counter.settings, report)
    assert report.stages["Reading products"] == (30, 30, "items")
    assert report.stages["Reading events"] == (2, 2, "events")
    from server.tasks import reindex

    assert list(report.stages) == [stage for stage in reindex.STAGES if stage != "Applying the trained model"]


async def test_build_that_is_called_off_leaves_nothing(counter: Counter) -> None:
    class EnoughError(Exception):
        pass

    class Impatient(Report):
        async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
            if stage == "Indexing":
                raise EnoughError

    await stock(counter.shop, counter.redis, goods(10))
    with pytest.raises(EnoughError):
        await build(counter.shop, counter.settings, Impatient())
    assert await ModelVersion.filter(ACROSS_SHOPS).count() == 0
    assert list((blobs.folder(counter.settings) / "snapshots" / counter.shop.id).iterdir()) == []


async def test_group_that_spans_chunks_stays_one_product(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.learning.assortment._ITEMS_AT_ONCE", 3)
    variants = [ItemFields(item_id=f"v{n}", group_id=f"g{n // 5}", title=f"thing {n // 5}") for n in range(23)]
    await stock(counter.shop, counter.redis, variants)
    version = await build(counter.shop, counter.settings)
    assert version.metrics["products"] == 5
    assert version.metrics["items"] == 23
