"""The task that imports a file: from an upload or an address, to its result and what it sets off."""

from typing import Any

import pytest
from redis.asyncio import Redis

from server.catalog.models import Item
from server.events.models import Event
from server.events.recents import Recent, Recents
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs
from server.storage.identifiers import new_id
from server.tasks import import_catalog
from server.tasks.models import RecommendationTask
from server.tasks.run import TaskFailed, TaskRun


async def run_import(
    shop: Shop, settings: Settings, redis: Redis, content: bytes | None, **params: Any
) -> dict[str, Any]:
    task_id = new_id("task")
    blob = f"uploads/{task_id}"
    if content is not None:
        with blobs.new_file(settings, blob) as path:
            path.write_bytes(content)
    task = await RecommendationTask.create(
        id=task_id, shop=shop, kind="import", lane="short", status="running", claim="c", params={"blob": blob} | params
    )
    return await import_catalog.run(TaskRun(task, shop, settings, redis, import_catalog.STAGES))


async def queued(shop: Shop) -> list[Any]:
    return list(await RecommendationTask.filter(shop_id=shop.id, status="queued").values_list("kind", flat=True))


async def test_items_are_imported_and_encoded_afterwards_once(shop: Shop, settings: Settings, redis: Redis):
    content = b"id,title,price\n1,A,5\n2,B,x\n"
    result = await run_import(shop, settings, redis, content, filename="feed.csv", url=None, mapping={}, format="auto")
    assert result == {
        "kind": "items", "format": "csv", "created": 1, "updated": 0, "unchanged": 0, "deleted": 0, "rejected": 1,
        "products": 1, "warnings": [],
        "rejections": [
            {"line": 3, "column": "price", "found": "x", "expected": "a number such as 19.90", "item_id": "2"},
        ],
    }  # fmt: skip
    await run_import(shop, settings, redis, content)
    assert await queued(shop) == ["encode"]


async def test_an_import_that_changes_nothing_sets_off_nothing(shop: Shop, settings: Settings, redis: Redis):
    await run_import(shop, settings, redis, b"id,title\n1,A\n")
    await RecommendationTask.filter(ACROSS_SHOPS, status="queued").delete()
    shop.live_version_id = 1
    await run_import(shop, settings, redis, b"id,title\n1,A\n")
    assert await queued(shop) == []
    await run_import(shop, settings, redis, b"id,title\n1,B\n")
    assert await queued(shop) == ["encode"]


async def test_events_are_imported_and_indexed_afterwards(shop: Shop, settings: Settings, redis: Redis):
    content = b"when,sku,who\n2024-05-01 12:00:00,A,s\n"
    assert await Recents(redis).of(shop.id, "s", None) == ()
    result = await run_import(
        shop, settings, redis, content, kind="events", timezone="Europe/Berlin",
        mapping={"time": "when", "item_id": "sku", "shopper_id": "who", "type": {"value": "view_item"}},
    )  # fmt: skip
    assert (result["kind"], result["accepted"]) == ("events", 1)
    event = await Event.get(shop_id=shop.id)
    assert (event.time_ms, event.currency) == (1714557600000, "EUR")
    assert await Recents(redis).of(shop.id, "s", None) == (Recent("A", "view_item", event.time_ms),)
    assert await queued(shop) == ["reindex"]


@pytest.mark.parametrize(
    ("content", "params", "words"),
    [
        (b"PK\x03\x04", {}, "ZIP"),
        (b"id,title\n1,A\n", {"format": "xls"}, "format"),
        (b"id,title\n1,A\n", {"mode": "append"}, "mode"),
        (b"id,title\n1,A\n", {"mapping": {"title": "Titel"}}, "Titel"),
        (None, {}, "Send it again"),
        (None, {"url": "http://127.0.0.1:9/feed.csv"}, "could not be fetched"),
        (None, {"url": "file:///etc/passwd"}, "could not be fetched"),
    ],
)
async def test_what_cannot_be_imported_fails_for_good_with_a_message(
    shop: Shop, settings: Settings, redis: Redis, content: bytes | None, params: dict[str, Any], words: str
):
    with pytest.raises(TaskFailed, match=words):
        await run_import(shop, settings, redis, content, **params)
    assert await Item.filter(shop_id=shop.id).count() == 0
    assert await queued(shop) == []
