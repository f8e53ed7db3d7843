"""Training a small real shop, from its rows to what its pages show: what goes live, what does not, and why."""

import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from server.learning import keeping, versions
from server.learning.build import build
from server.learning.progress import Silent
from server.learning.train import evaluate, train
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs
from tests.learning import gifts
from tests.learning.gifts import open_gift_shop, open_trained_gift_shop
from tests.learning.habits import open_with_habits
from tests.serving.goods import Counter, goods, happen, purchase, stock

pytestmark = pytest.mark.slow


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that outlives this test."""
    return tmp_path_factory.getbasetemp()


async def live(shop: Shop) -> ModelVersion:
    version = await versions.live(shop)
    assert version is not None
    return version


async def test_real_shop_is_trained_and_its_model_goes_live_with_its_verdict(counter: Counter, kept: Path) -> None:
    told = await open_trained_gift_shop(counter.settings, counter.redis, counter.shop, kept)
    assert told["accepted"], told["reason"]
    assert "popularity" in told["reason"]
    assert told["cases"] >= 100
    version = await live(counter.shop)
    assert (version.kind, version.stack) == ("training", told["stack"])
    assert version.verdict is not None
    figures = version.verdict["figures"]
    assert figures[told["stack"]]["ndcg@10"] > 1.2 * figures["popularity"]["ndcg@10"]
    assert all(one["low"] <= one["difference"] <= one["high"] for one in version.verdict["comparisons"])
    opened = await counter.shelf.get(counter.shop.id)
    assert opened is not None
    assert opened.snapshot.learned is not None


async def test_list_follows_each_event_at_once(counter: Counter, kept: Path) -> None:
    await open_trained_gift_shop(counter.settings, counter.redis, counter.shop, kept)
    titles = {item.item_id: item.title for item in gifts.goods()}
    bag = next(item_id for item_id, title in titles.items() if "LUNCH BAG" in title)
    heart = next(item_id for item_id, title in titles.items() if "HEART" in title)
    lists = [await counter.ids(shopper_id="ann")]
    for number, item_id in enumerate((bag, heart)):
        event = {"type": "view_item", "event_id": f"now-{number}", "shopper_id": "ann", "item_id": item_id}
        await happen(counter.settings, counter.redis, counter.shop, [event])
        answer = await counter.ask(shopper_id="ann")
        lists.append([item["item_id"] for item in answer["items"]])
        assert f"Because you looked at {titles[item_id]}" in {item["reason"]["text"] for item in answer["items"]}
    assert len({tuple(one) for one in lists}) == 3
    bags = [sum("BAG" in titles[item_id] for item_id in one) for one in lists]
    assert bags[1] > bags[0], "more of what goes with it than everybody is shown"


async def test_shuffled_labels_are_refused_and_change_nothing(counter: Counter) -> None:
    """Who bought which product is chance: how often each was bought is all that is left."""
    await stock(counter.shop, counter.redis, gifts.goods())
    lines = [(order, item["item_id"]) for order in gifts.orders() for item in order["items"]]
    item_ids = [item_id for _, item_id in lines]
    random.Random(0).shuffle(item_ids)
    orders: dict[str, dict[str, Any]] = {}
    for (order, _), item_id in zip(lines, item_ids, strict=True):
        orders.setdefault(order["event_id"], {**order, "items": []})["items"].append({"item_id": item_id})
    await happen(counter.settings, counter.redis, counter.shop, orders.values())
    await counter.learn()
    before, shown = await live(counter.shop), await counter.ids(shopper_id="17850")
    told = await train(counter.shop, counter.settings, Silent())
    assert told["accepted"] is False
    assert "not put live" in told["reason"]
    assert (await live(counter.shop)).id == before.id
    refused = await ModelVersion.get(shop_id=counter.shop.id, kind="training")
    assert (refused.folder, refused.trained, refused.verdict["accepted"]) == ("", "", False)
    assert not list((blobs.folder(counter.settings) / versions.MODELS).glob("*/*"))
    await counter.shelf.on_connect()
    await counter.shelf.settled()
    assert await counter.ids(shopper_id="17850") == shown


async def test_shop_with_few_events_is_told_when_to_come_back(counter: Counter) -> None:
    await open_gift_shop(counter.settings, counter.redis, counter.shop, most_orders=1_200)
    await counter.learn()
    before = await live(counter.shop)
    told = await train(counter.shop, counter.settings, Silent())
    assert (told["accepted"], told["stack"]) == (False, "co-visitation")
    found = re.fullmatch(r"([\d,]+) events: content and co-visitation\. .* at about ([\d,]+)\.", told["reason"])
    assert found, told["reason"]
    events, wanted = (int(number.replace(",", "")) for number in found.groups())
    assert events == told["events"] < wanted < 20 * events
    assert (await live(counter.shop)).id == before.id
    assert (await ModelVersion.get(shop_id=counter.shop.id, kind="training")).verdict["reason"] == told["reason"]
    judged = await evaluate(counter.shop, counter.settings, Silent())
    assert judged["reason"] == told["reason"]


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([], "No events yet"),
        (
            [purchase("ann", "o1", "sku-1", "sku-2")],
            "2 events: content and co-visitation. .* when more shoppers come back",
        ),
    ],
)
async def test_shop_at_its_beginning_is_told_so(counter: Counter, orders: list[dict[str, Any]], reason: str) -> None:
    await stock(counter.shop, counter.redis, goods(5))
    await happen(counter.settings, counter.redis, counter.shop, orders)
    told = await train(counter.shop, counter.settings, Silent())
    assert re.match(reason, told["reason"])


async def test_same_events_and_seed_give_the_same_model(settings: Settings, redis: Redis, shop: Shop) -> None:
    await open_with_habits(settings, redis, shop)
    prints: list[str] = []
    for _ in range(2):
        told = await train(shop, settings, Silent(), seed=4)
        assert told["accepted"], told["reason"]
        prints.append(keeping.fingerprint(blobs.path_of(settings, (await live(shop)).trained)))
    assert prints[0] == prints[1]


async def test_training_is_held_against_the_model_that_is_live(settings: Settings, redis: Redis, shop: Shop) -> None:
    await open_with_habits(settings, redis, shop)
    first = await train(shop, settings, Silent())
    second = await train(shop, settings, Silent())
    assert "live" not in first["figures"]
    assert second["figures"]["live"] == second["figures"][second["stack"]], "the same events, the same model"
    assert second["accepted"]


async def test_judging_alone_puts_nothing_live(settings: Settings, redis: Redis, shop: Shop) -> None:
    await open_with_habits(settings, redis, shop)
    told = await evaluate(shop, settings, Silent())
    assert told["accepted"]
    assert not await ModelVersion.exists()


async def test_damaged_model_leaves_the_shop_served_without_it(counter: Counter) -> None:
    await open_with_habits(counter.settings, counter.redis, counter.shop)
    await train(counter.shop, counter.settings, Silent())
    trained = blobs.path_of(counter.settings, (await live(counter.shop)).trained)
    for damage in ("linear.rows.npy", "model.json"):
        (trained / damage).write_bytes(b"\x93")
        await counter.learn()
        version = await live(counter.shop)
        assert (version.kind, version.stack) == ("build", "co-visitation")
        opened = await counter.shelf.get(counter.shop.id)
        assert opened is not None
        assert (opened.snapshot.manifest.number, opened.snapshot.learned) == (version.number, None)
        assert len(await counter.ids(shopper_id="shopper-1")) == 12
    assert (await train(counter.shop, counter.settings, Silent()))["accepted"], "and is trained anew"
    shutil.rmtree(trained)


async def test_rolling_back_swaps_the_model(counter: Counter) -> None:
    await open_with_habits(counter.settings, counter.redis, counter.shop)
    plain = await build(counter.shop, counter.settings)
    await train(counter.shop, counter.settings, Silent())
    trained = await live(counter.shop)
    lists: dict[int, list[str]] = {}
    for version in (trained, plain, trained):
        await versions.activate(counter.shop, version, counter.redis)
        await counter.shelf.on_connect()
        await counter.shelf.settled()
        opened = await counter.shelf.get(counter.shop.id)
        assert opened is not None
        assert (opened.snapshot.learned is not None) == (version.id == trained.id)
        shown = await counter.ids(shopper_id="shopper-1")
        assert lists.setdefault(version.number, shown) == shown
    assert lists[plain.number] != lists[trained.number]
