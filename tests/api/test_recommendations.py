"""Recommendations over HTTP: what a page sends, what it gets, what is refused and how that is told."""

import asyncio
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.learning.build import build
from server.serving.sentences import ENGLISH, LANGUAGES
from server.settings import Settings
from server.shops.models import Shop
from tests.conftest import ShopKeys
from tests.serving.goods import goods, happen, purchase, stock

ADDRESS = "/v1/recommendations"


@pytest.fixture
async def shelves(settings: Settings, redis: Redis, shop: Shop) -> None:
    """Goods in the shop, learned."""
    await stock(shop, redis, goods(40))
    await happen(settings, redis, shop, [purchase(f"s{n}", f"o{n}", "sku-1", f"sku-{n}") for n in range(2, 9)])
    await build(shop, settings)


@pytest.fixture
async def page(shelves: None, client: httpx.AsyncClient, keys: ShopKeys) -> httpx.AsyncClient:
    """A page of the shop, with its publishable key."""
    client.headers["Authorization"] = f"Bearer {keys.publishable}"
    return client


async def _ids(page: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await page.get(ADDRESS, params=query)
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


async def test_list_is_as_the_contract_says(page: httpx.AsyncClient) -> None:
    answer = await page.get(ADDRESS, params={"placement": "product-page", "item_id": "sku-6", "limit": 5})
    assert answer.headers["cache-control"] == "private, no-store"
    found = answer.json()
    assert found["recommendation_id"].startswith("rec_")
    assert (found["placement"], found["model_version"], found["experiment"]) == ("product-page", "m_1", None)
    assert len(found["items"]) == 5
    item = found["items"][0]
    assert item.keys() >= {"item_id", "title", "url", "image_url", "price", "currency", "score", "reason"}
    assert item["currency"] == "EUR"
    assert item["reason"].keys() == {"code", "text"}


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("de-AT", "Oft zusammen mit „"),
        ("FR", "Souvent acheté avec «\N{NO-BREAK SPACE}"),
        ("es_MX", "Se suele comprar con «"),
        ("pl", "Często kupowane z produktem „"),
        ("ru", "Часто покупают вместе с «"),
        ("en-GB", "Often bought with "),
        ("ja", "Often bought with "),
        ("{{ lang }}", "Often bought with "),
        ("", "Often bought with "),
    ],
)
async def test_reasons_are_told_in_the_language_of_the_page(page: httpx.AsyncClient, lang: str, sentence: str) -> None:
    for _ in range(2):  # the second time from memory
        asked = {"placement": "product-page", "item_id": "sku-1", "lang": lang}
        items = (await page.get(ADDRESS, params=asked)).json()["items"]
        reasons = [item["reason"]["text"] for item in items if item["reason"]["code"] == "bought-together"]
        assert reasons
        assert all(reason.startswith(sentence) for reason in reasons)


def test_every_reason_is_there_in_every_language() -> None:
    for language, sentences in LANGUAGES.items():
        assert sentences.keys() == ENGLISH.keys(), language
        named = {code for code, text in sentences.items() if "{}" in text}
        assert named == {code for code, text in ENGLISH.items() if "{}" in text}, language


async def test_what_a_guest_did_counts_for_the_shopper_they_were(
    page: httpx.AsyncClient, settings: Settings, redis: Redis, shop: Shop
) -> None:
    looked = {"type": "view_item", "shopper_id": "guest-1", "item_id": "sku-1"}
    await happen(settings, redis, shop, [looked])
    items = (await page.get(ADDRESS, params={"shopper_id": "anna", "anonymous_id": "guest-1"})).json()["items"]
    assert items[0]["reason"]["code"] == "because-viewed"
    denied = {"shopper_id": "anna", "anonymous_id": "guest-1", "consent": "denied"}
    items = (await page.get(ADDRESS, params=denied)).json()["items"]
    assert "because-viewed" not in {item["reason"]["code"] for item in items}


async def test_key_may_be_in_the_address(page: httpx.AsyncClient, keys: ShopKeys) -> None:
    del page.headers["Authorization"]
    assert len(await _ids(page, key=keys.publishable)) == 12
    assert (await page.get(ADDRESS)).status_code == 401


async def test_body_asks_the_same_as_the_address(page: httpx.AsyncClient) -> None:
    asked = {"placement": "cart", "item_id": ["sku-1", "sku-2"], "limit": 6, "exclude": ["sku-3"], "price_max": 40}
    posted = await page.post(ADDRESS, json=asked)
    assert posted.status_code == 200, posted.text
    assert [item["item_id"] for item in posted.json()["items"]] == await _ids(page, **asked)


async def test_repeated_parameters_and_filters_hold(page: httpx.AsyncClient) -> None:
    shown = await _ids(page, exclude=["sku-0", "sku-6"], category="shirts", price_min=20, price_max=40, limit=100)
    assert set(shown) == {"sku-12", "sku-18", "sku-24", "sku-30"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "/limit"),
        ({"limit": 101}, "/limit"),
        ({"limit": "many"}, "/limit"),
        ({"item_id": ""}, "/item_id/0"),
        ({"item_id": "x" * 129}, "/item_id/0"),
        ({"shopper_id": "x" * 129}, "/shopper_id"),
        ({"placement": "p" * 129}, "/placement"),
        ({"price_min": 20, "price_max": 10}, "/price_min"),
        ({"price_min": -1}, "/price_min"),
        ({"price_max": "nan"}, "/price_max"),
        ({"in_stock": "perhaps"}, "/in_stock"),
    ],
)
async def test_what_does_not_fit_is_named(page: httpx.AsyncClient, query: dict[str, Any], pointer: str) -> None:
    answer = await page.get(ADDRESS, params=query)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_page_of_lists_has_no_item_twice(page: httpx.AsyncClient) -> None:
    requests = [{"placement": "home"}, {"placement": "product-page", "item_id": ["sku-6"]}, {"placement": "cart"}]
    page_of = await page.post(f"{ADDRESS}/batch", json={"requests": requests})
    lists = page_of.json()["responses"]
    assert [one["placement"] for one in lists] == ["home", "product-page", "cart"]
    shown = [item["item_id"] for one in lists for item in one["items"]]
    assert len(shown) == len(set(shown)) == 36
    again = await page.post(f"{ADDRESS}/batch", json={"requests": requests, "repeat": True})
    repeated = [item["item_id"] for one in again.json()["responses"] for item in one["items"]]
    assert len(set(repeated)) < len(repeated)


async def test_lists_of_a_page_may_be_in_several_languages(page: httpx.AsyncClient) -> None:
    asked = {"placement": "product-page", "item_id": ["sku-6"], "limit": 4}
    requests = [{**asked, "lang": "de_CH"}, {**asked, "lang": "ru"}, asked]
    answer = await page.post(f"{ADDRESS}/batch", json={"requests": requests, "repeat": True})
    lists = [one["items"] for one in answer.json()["responses"]]
    assert [items[0]["reason"]["text"] for items in lists] == [
        "Oft zusammen mit „linen shirt model 6“ gekauft",
        "Часто покупают вместе с «linen shirt model 6»",
        "Often bought with linen shirt model 6",
    ]
    assert len({tuple(item["reason"]["code"] for item in items) for items in lists}) == 1
    posted = (await page.post(ADDRESS, json=requests[0])).json()["items"]
    assert [item["reason"] for item in posted] == [item["reason"] for item in lists[0]]


@pytest.mark.parametrize("count", [0, 11])
async def test_page_has_one_to_ten_lists(page: httpx.AsyncClient, count: int) -> None:
    answer = await page.post(f"{ADDRESS}/batch", json={"requests": [{}] * count})
    assert answer.status_code == 422


async def test_wrong_list_of_a_page_is_pointed_at(page: httpx.AsyncClient) -> None:
    wrong = {"requests": [{}, {"price_min": 5, "price_max": 1}]}
    answer = await page.post(f"{ADDRESS}/batch", json=wrong)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/requests/1/price_min")


async def test_accepted_event_shows_in_the_next_answer(page: httpx.AsyncClient) -> None:
    before = await _ids(page, session_id="visit")
    like = {"event_id": "l1", "type": "add_to_wishlist", "session_id": "visit", "item_id": "sku-11"}
    assert (await page.post("/v1/events", json={"events": [like]})).status_code == 202
    answer = (await page.get(ADDRESS, params={"session_id": "visit"})).json()
    assert [item["item_id"] for item in answer["items"]] != before
    assert "Because you liked rain boot model 11" in [item["reason"]["text"] for item in answer["items"]]


async def test_sold_out_item_leaves_within_a_second(page: httpx.AsyncClient, keys: ShopKeys) -> None:
    assert "sku-1" in await _ids(page, limit=100)
    secret = {"Authorization": f"Bearer {keys.secret}"}
    patched = await page.patch("/v1/items/sku-1", json={"availability": "out_of_stock"}, headers=secret)
    assert patched.status_code == 200
    for _ in range(50):
        if "sku-1" not in await _ids(page, limit=100):
            break
        await asyncio.sleep(0.02)
    assert "sku-1" not in await _ids(page, limit=100)


async def test_keys_of_one_shop_never_show_another(
    page: httpx.AsyncClient, settings: Settings, redis: Redis, other_shop: Shop, other_keys: ShopKeys
) -> None:
    other = {"Authorization": f"Bearer {other_keys.publishable}"}
    answer = await page.get(ADDRESS, params={"item_id": "sku-6", "placement": "product-page"}, headers=other)
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_any_text_may_be_an_id_or_a_placement(page: httpx.AsyncClient) -> None:
    for text in ('"quoted"', "naïve ☂", "a/b?c&d=e", "<script>"):
        answer = await page.get(ADDRESS, params={"placement": text, "item_id": text, "shopper_id": text})
        assert answer.status_code == 200, answer.text
        assert answer.json()["placement"] == text
        assert len(answer.json()["items"]) == 12
