"""Lists as HTML: what a shop's server prints into its pages, whatever the catalog holds."""

import subprocess
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from babel.localedata import locale_identifiers
from redis.asyncio import Redis

from server.api import drawing
from server.catalog.fields import ItemFields
from server.catalog.models import Item
from server.learning.build import build
from server.serving.sentences import ENGLISH, LANGUAGES
from server.settings import Settings
from server.shops.models import Shop
from tests.conftest import ShopKeys
from tests.serving.goods import goods, stock

ADDRESS = "/v1/recommendations.html"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{ 7 * 7 }}"


class Tags(HTMLParser):
    """The tags of a piece of HTML with their attributes, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.texts.append(data)

    def of(self, part: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of that part."""
        return [attributes for _, attributes in self.found if attributes.get("part") == part]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Lists are drawn with what the widget's build left."""
    subprocess.run([Path(__file__).parents[2] / "scripts" / "build-widget"], check=True)
    if not drawing.BUILT.exists():
        pytest.skip("there is no Node to build the widget with")


@pytest.fixture
async def page(settings: Settings, redis: Redis, shop: Shop, client: httpx.AsyncClient, keys: ShopKeys) -> Any:
    """A shop with goods, learned, and its publishable key."""
    await stock(shop, redis, goods(20))
    await build(shop, settings)
    client.headers["Authorization"] = f"Bearer {keys.publishable}"
    return client


async def test_it_is_the_list_of_the_json_answer(page: httpx.AsyncClient) -> None:
    query = {"placement": "product-page", "item_id": "sku-6", "limit": 5}
    answer = await page.get(ADDRESS, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    tags = Tags(answer.text)
    asked = (await page.get("/v1/recommendations", params=query)).json()
    assert [one["data-item-id"] for one in tags.of("item")] == [item["item_id"] for item in asked["items"]]
    for item in asked["items"]:
        assert item["title"] in tags.texts
        assert item["reason"]["text"] in tags.texts
    (name, element), *_ = tags.found
    assert name == "vitrina-recommendations"
    assert element == {
        "placement": "product-page",
        "item-id": "sku-6",
        "limit": "5",
        "layout": "carousel",
        "lang": "en",
    }
    [section] = tags.of("carousel")
    assert str(section["data-recommendation-id"]).startswith("rec_")
    again = Tags((await page.get(ADDRESS, params=query)).text).of("carousel")
    assert again[0]["data-recommendation-id"] != section["data-recommendation-id"]


async def test_no_cache_keeps_it(page: httpx.AsyncClient) -> None:
    for who in ({}, {"session_id": "s"}):
        assert (await page.get(ADDRESS, params=who)).headers["cache-control"] == "private, no-store"


async def test_words_and_prices_are_in_the_language_asked_for(page: httpx.AsyncClient) -> None:
    german = Tags((await page.get(ADDRESS, params={"lang": "de-AT", "placement": "cart"})).text)
    assert "Passt zu Ihrem Warenkorb" in german.texts
    assert [one["aria-label"] for one in german.of("previous")] == ["Zurück"]
    assert any("€" in text and "," in text for text in german.texts)
    assert set(LANGUAGES["de"].values()) & set(german.texts)
    assert not set(ENGLISH.values()) & set(german.texts)
    unknown = Tags((await page.get(ADDRESS, params={"lang": "tlh", "placement": "mine"})).text)
    assert "You may also like" in unknown.texts
    own = Tags((await page.get(ADDRESS, params={"heading": HOSTILE})).text)
    assert HOSTILE in own.texts


@pytest.mark.parametrize(
    "lang", ["de<", HOSTILE, "../../de", "de\x00", "a_b_c_d_e_f_g", "_", "日本語", "de_DE.UTF-8@euro"]
)
async def test_language_of_any_shape_harms_no_page(page: httpx.AsyncClient, lang: str) -> None:
    answer = await page.get(ADDRESS, params={"lang": lang, "limit": 3})
    assert answer.status_code == 200, answer.text
    tags = Tags(answer.text)
    assert len(tags.of("item")) == 3
    assert tags.found[0][1]["lang"] == lang
    assert "script" not in {name for name, _ in tags.found}


async def test_styles_stay_away_where_asked(page: httpx.AsyncClient) -> None:
    assert "@layer vitrina" in (await page.get(ADDRESS)).text
    bare = Tags((await page.get(ADDRESS, params={"styles": "false", "layout": "grid"})).text)
    assert "style" not in {name for name, _ in bare.found}
    assert len(bare.of("grid")) == 1
    assert bare.of("previous") == []


async def test_hostile_catalog_harms_no_page(
    settings: Settings, redis: Redis, shop: Shop, client: httpx.AsyncClient, keys: ShopKeys
) -> None:
    links = [
        "javascript:alert(1)",
        " java\nscript:alert(1)",
        "data:text/html,x",
        '/p"onclick="alert(1)',
        "//cdn.example/x",
    ]
    await stock(shop, redis, [ItemFields(item_id=f"{n}{HOSTILE}", title=HOSTILE, price=0.0) for n in range(len(links))])
    for number, link in enumerate(links):  # past the catalog's own checks, which may have been weaker once
        item = Item.filter(shop_id=shop.id, item_id=f"{number}{HOSTILE}")
        await item.update(url=link, image_url=link, currency="XX1")
    await build(shop, settings)
    drawn = await client.get(ADDRESS, params={"key": keys.publishable, "placement": HOSTILE, "item_id": HOSTILE})
    tags = Tags(drawn.text)
    assert drawn.status_code == 200, drawn.text
    assert {name for name, _ in tags.found}.isdisjoint({"script", "iframe", "object"})
    attributes = {name for _, found in tags.found for name in found}
    assert not {name for name in attributes if name.startswith("on")}
    addresses = {found[name] for _, found in tags.found for name in ("href", "src") if name in found}
    assert addresses <= {'/p"onclick="alert(1)', "//cdn.example/x"}
    assert len(tags.of("item")) == len(links)
    assert HOSTILE in tags.texts


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"layout": "pile"}, "/layout"),
        ({"lang": "x" * 129}, "/lang"),
        ({"heading": "x" * 201}, "/heading"),
        ({"heading": "a\x00b"}, "/heading"),
        ({"styles": "perhaps"}, "/styles"),
        ({"limit": 0}, "/limit"),
        ({"price_min": 20, "price_max": 10}, "/price_min"),
    ],
)
async def test_what_does_not_fit_is_named(page: httpx.AsyncClient, query: dict[str, Any], pointer: str) -> None:
    answer = await page.get(ADDRESS, params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_shop_without_products_gets_an_empty_element(client: httpx.AsyncClient, keys: ShopKeys) -> None:
    answer = await client.get(ADDRESS, params={"key": keys.publishable})
    assert answer.status_code == 200
    assert [name for name, _ in Tags(answer.text).found] == ["vitrina-recommendations"]


async def test_a_shop_sees_its_own_products_only(page: httpx.AsyncClient, other_keys: ShopKeys) -> None:
    answer = await page.get(ADDRESS, headers={"Authorization": f"Bearer {other_keys.publishable}"})
    assert answer.status_code == 200
    assert Tags(answer.text).of("item") == []
    assert (await page.get(ADDRESS, headers={"Authorization": "Bearer vpk_" + "x" * 32})).status_code == 401


@pytest.mark.slow
def test_whoever_asks_for_every_language_fills_no_memory() -> None:
    languages = [name.replace("_", "-") for name in locale_identifiers() if "_" not in name]
    tracemalloc.start()
    for language in languages[:160]:  # 70 MB, were they all kept
        drawing.money(1, "EUR", language)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 45_000_000


@pytest.mark.parametrize(
    ("amount", "currency", "language", "shown"),
    [
        (19.9, "EUR", "de", "19,90\xa0€"),
        (19.9, "eur", "en-GB", "€19.90"),
        (1299, "JPY", "ja", "￥1,299"),
        (5, "EURO", "en", "5.00"),
        (0, "", "fr", "0,00"),
        (7.5, "PLN", "xx-unknown", "PLN7.50"),
    ],
)
def test_prices_are_written_as_shoppers_read_them(amount: float, currency: str, language: str, shown: str) -> None:
    assert drawing.money(amount, currency, language) == shown
