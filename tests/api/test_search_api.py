"""`GET /v1/search` as a shop's search box calls it."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest
from redis.asyncio import Redis

from server.encoders.encoder import load
from server.encoders.queries import answer_queries
from server.learning.build import build
from server.learning.encoded import store
from server.settings import Settings
from server.shops.models import Shop
from tests.conftest import ShopKeys


def item(item_id: str, title: str, **fields: Any) -> dict[str, Any]:
    return {"item_id": item_id, "title": title, "price": 10.0, **fields}


ITEMS = [
    item("shirt", "Linen shirt", categories=["Men > Shirts"]),
    item("shirt-xl", "Linen shirt XL", group_id="shirt", price=12.0),
    item("mug", "Coffee mug", price=8.0),
    item("tent", "Two person tent", availability="out_of_stock", price=200.0),
    item("parka", "Down parka with hood for cold and snowy winter days"),
    item("sandals", "Beach sandals"),
]


@pytest.fixture
async def search(backend: httpx.AsyncClient, client: httpx.AsyncClient, keys: ShopKeys) -> Any:
    answer = await backend.post("/v1/items/batch", json={"items": ITEMS})
    assert answer.status_code == 200, answer.text

    async def ask(q: str = "", **parameters: Any) -> dict[str, Any]:
        found = await client.get("/v1/search", params={"q": q, "key": keys.publishable, **parameters})
        assert found.status_code == 200, found.text
        return found.json()

    return ask


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["item_id"] for one in answer["items"]]


async def test_shopper_finds_products_with_their_public_fields(search: Any) -> None:
    answer = await search("linen shi")
    assert (answer["query"], answer["corrected"], ids(answer)) == ("linen shi", None, ["shirt"])
    (found,) = answer["items"]
    assert (found["title"], found["price"], found["currency"], found["availability"]) == (
        "Linen shirt",
        10.0,
        "EUR",
        "in_stock",
    )
    assert "links" not in found


async def test_slips_are_forgiven_and_told(search: Any) -> None:
    answer = await search("cofee")
    assert (answer["corrected"], ids(answer)) == ("coffee", ["mug"])


async def test_filters_and_limit(search: Any) -> None:
    assert ids(await search("tent")) == ["tent"]
    assert ids(await search("tent", in_stock="true")) == []
    assert ids(await search("", price_max=9)) == ["mug"]
    assert ids(await search("", category="Men > Shirts")) == ["shirt"]
    assert len(ids(await search("", limit=2))) == 2


async def test_changed_item_is_found_at_once(search: Any, backend: httpx.AsyncClient) -> None:
    await backend.patch("/v1/items/mug", json={"title": "Tea cup"})
    assert ids(await search("coffee")) == []
    assert ids(await search("tea cup")) == ["mug"]
    await backend.delete("/v1/items/mug")
    assert ids(await search("tea cup")) == []


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"limit": 101}, {"price_min": -1}, {"in_stock": "maybe"}])
async def test_wrong_parameters_are_told(client: httpx.AsyncClient, keys: ShopKeys, parameters: Any) -> None:
    answer = await client.get("/v1/search", params={"q": "x", "key": keys.publishable, **parameters})
    assert answer.status_code == 422


@pytest.mark.parametrize("query", ['"', "q* OR y:", "\x00", "NEAR(q y)", "'; --", "é" * 5_000])
async def test_hostile_queries_find_nothing(search: Any, query: str) -> None:
    assert ids(await search(query)) == []


async def test_other_shops_are_not_searched(search: Any, client: httpx.AsyncClient, other_keys: ShopKeys) -> None:
    answer = await client.get("/v1/search", params={"q": "linen", "key": other_keys.publishable})
    assert answer.json()["items"] == []


async def test_without_a_query_the_popular_come_first(
    search: Any, backend: httpx.AsyncClient, settings: Settings, shop: Shop, app: Any
) -> None:
    bought = [
        {"type": "purchase", "event_id": f"o{n}", "transaction_id": f"o{n}", "shopper_id": f"s{n}", "item_id": "mug"}
        for n in range(5)
    ]
    await backend.post("/v1/events", json={"events": bought})
    assert ids(await search())[0] != "mug"
    await build(shop, settings)
    await _until(lambda: app.state.services.shelf.get(shop.id))
    assert ids(await search())[0] == "mug"
    assert "tent" not in ids(await search())
    assert "mug" not in ids(await search("", price_min=9))


@pytest.mark.slow
async def test_search_by_meaning_where_words_find_nothing(
    search: Any, settings: Settings, shop: Shop, redis: Redis, app: Any
) -> None:
    encoder = load("minilm", settings)
    await _encode(shop, encoder)
    await build(shop, settings)
    await _until(lambda: app.state.services.shelf.get(shop.id))
    query = "thick clothing against freezing"
    assert ids(await search(query)) == []  # nobody is there who could tell

    answering = asyncio.create_task(answer_queries(encoder, redis))
    await asyncio.sleep(0.1)
    answer = await search(query)
    assert ids(answer)[0] == "parka"
    assert answer["by_meaning"] == len(answer["items"])
    assert "parka" not in ids(await search(query, price_max=9))
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await asyncio.sleep(3.1)
    assert ids(await search(query))[0] == "parka"  # it was asked before
    assert ids(await search("drinking hot things in the morning")) == []


async def _encode(shop: Shop, encoder: Any) -> None:
    stored = await shop.items.all().values_list("content_hash", "title")
    vectors = encoder.encode_texts([title for _, title in stored])
    keys = [(content_hash, "") for content_hash, _ in stored]
    await store(shop, f"{encoder.name}/text", keys, np.asarray(vectors))


async def _until(check: Any, patience_s: float = 5.0) -> None:
    for _ in range(int(patience_s / 0.05)):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")
