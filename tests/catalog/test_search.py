"""Search, as a shopper uses it: beginnings, slips of the finger, other endings, filters, one result per product."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from server.catalog import fulltext
from server.catalog.fields import ItemFields
from server.catalog.matching import Filters
from server.catalog.search import Search, index_everything, products
from server.catalog.storing import prepare, remove, write
from server.shops.models import Shop
from server.storage import database


def item(item_id: str, title: str, **fields: Any) -> ItemFields:
    return ItemFields(item_id=item_id, title=title, **fields)


async def stock(shop: Shop, *items: ItemFields) -> None:
    """Put items into the shop one after the other."""
    async with database.transaction() as connection:
        for one in items:
            await write(connection, shop.id, [prepare(one, shop.currency)])


async def found(shop: Shop, query: str, limit: int = 20, **filters: Any) -> list[str]:
    result = await Search().find(shop.id, query, Filters(**filters), limit)
    return [one.item_id for one in result.items]


async def corrected(shop: Shop, query: str) -> str | None:
    return (await Search().find(shop.id, query, Filters(), 20)).corrected


@pytest.fixture
async def full_shop(shop: Shop) -> Shop:
    await stock(
        shop,
        item("shirt", "Linen Shirt", brand="Søren & Co", categories=["Men > Shirts"], price=50, description="Airy."),
        item("tee", "T-Shirt for summer", categories=["Men > Shirts > Basics"], price=20, tags=["organic cotton"]),
        item("dress", "Summer Dress", categories=["Women > Dresses"], price=80, sale_price=60),
        item("hemd", "Leinenhemd Größe XL", price=55),
        item("jacke", "Rubberised Jacket", availability="out_of_stock", price=120, description="For summer rain."),
        item("rubashka", "Льняная рубашка", price=45),
        item("kimono", "着物ローブ 浴衣", price=90),
        item("mug", "Café crème mug", price=12, attributes={"colour": "Ivory", "sizes": ["small", 2.5]}),
    )
    return shop


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("linen", ["shirt"]),
        ("LINEN shirt", ["shirt"]),
        ("shi", ["shirt", "tee"]),
        ("soren", ["shirt"]),
        ("tshirt", ["tee"]),
        ("t-shirt", ["tee"]),
        ("t shirt", ["tee"]),
        ("cotton", ["tee"]),
        ("cafe creme", ["mug"]),
        ("ivory", ["mug"]),
        ("grosse", ["hemd"]),
        ("GRÖSSE", ["hemd"]),
        ("hemd", ["hemd"]),
        ("leinen hemd", ["hemd"]),
        ("рубашка", ["rubashka"]),
        ("РУБАШКИ", ["rubashka"]),
        ("浴衣", ["kimono"]),
        ("着物", ["kimono"]),
        ("ローブ", ["kimono"]),
        ("women", ["dress"]),
        ("dresses", ["dress"]),
        ("dres", ["dress"]),
        ("unobtainium", []),
        ("dress from the moon", ["dress"]),
        ("something and anything", []),
    ],
)
async def test_words_find_items(full_shop: Shop, query: str, expected: list[str]) -> None:
    assert sorted(await found(full_shop, query)) == sorted(expected)


@pytest.mark.parametrize(
    ("query", "meant", "expected"),
    [
        ("lienn", "linen", "shirt"),
        ("linnen", "linen", "shirt"),
        ("lynen shirt", "linen shirt", "shirt"),
        ("jakcet", "jacket", "jacke"),
        ("rubberized jacket", "rubberised jacket", "jacke"),
        ("rubebrisde", "rubberised", "jacke"),
        ("рубажка", "рубашка", "rubashka"),
        ("sumer dress ", "summer dress", "dress"),
        ("orgnaic cotton ", "organic cotton", "tee"),
    ],
)
async def test_slips_of_the_finger_are_forgiven(full_shop: Shop, query: str, meant: str, expected: str) -> None:
    assert (await found(full_shop, query))[:1] == [expected]
    assert await corrected(full_shop, query) == meant


async def test_what_was_typed_right_is_not_corrected(full_shop: Shop) -> None:
    for query in ("linen", "shi", "dresses", "hemd", "unobtainium", ""):
        assert await corrected(full_shop, query) is None


async def test_title_counts_more_than_description_and_what_can_be_bought_comes_first(full_shop: Shop) -> None:
    assert (await found(full_shop, "summer"))[-1] == "jacke"
    await stock(full_shop, item("rain", "Rain cape", price=10), item("boots", "Boots", description="Good in the rain"))
    assert await found(full_shop, "rain ") == ["rain", "boots", "jacke"]


async def test_filters(full_shop: Shop) -> None:
    assert await found(full_shop, "jacket", in_stock=True) == []
    assert await found(full_shop, "jacket") == ["jacke"]
    assert sorted(await found(full_shop, "summer", price_max=60)) == ["dress", "tee"]
    assert await found(full_shop, "summer", price_min=60, price_max=100) == ["dress"]
    assert sorted(await found(full_shop, "", category="Men > Shirts")) == ["shirt", "tee"]
    assert sorted(await found(full_shop, "", category="men>shirts")) == ["shirt", "tee"]
    assert await found(full_shop, "", category="Basics") == ["tee"]
    assert await found(full_shop, "summer", category="Men > Shirts") == ["tee"]
    assert await found(full_shop, "summer", category="Men > Shoes") == []


async def test_without_words_the_newest_come_first(full_shop: Shop) -> None:
    assert (await found(full_shop, ""))[:2] == ["mug", "kimono"]
    assert (await found(full_shop, " \t "))[-1] == "jacke"  # sold out
    assert await found(full_shop, "", limit=1) == ["mug"]
    assert await found(full_shop, "?!") == []


async def test_variants_of_a_product_are_one_result(shop: Shop) -> None:
    variants = [item(f"shirt-{n}", f"Linen shirt size {n}", group_id="shirt", price=10 + n) for n in range(30)]
    main = item("shirt", "Linen shirt", group_id="shirt", availability="out_of_stock", price=10)
    red = [item(f"red-{n}", "Red linen shirt", group_id="red") for n in range(300)]
    await stock(shop, *variants, main, *red, item("other", "Linen trousers"))
    results = await found(shop, "linen", limit=3)
    assert len(results) == 3
    assert {one.split("-")[0] for one in results} == {"shirt", "red", "other"}
    assert "shirt" not in results  # it is sold out, a variant is not
    (dear,) = await found(shop, "linen shirt size", price_min=35)
    assert dear in [f"shirt-{n}" for n in range(25, 30)]
    await stock(shop, item("shirt", "Linen shirt", group_id="shirt", price=10))
    assert "shirt" in await found(shop, "linen", limit=3)


async def test_index_follows_changes_and_deletions(shop: Shop) -> None:
    await stock(shop, item("a", "Old name"), item("b", "Other name"))
    await stock(shop, item("a", "New title"))
    assert await found(shop, "old") == []
    assert await found(shop, "title") == ["a"]
    async with database.transaction() as connection:
        await remove(connection, shop.id, ["a"])
    assert await found(shop, "title") == []
    assert await found(shop, "name") == ["b"]


async def test_rolled_back_changes_leave_the_index_as_it_was(shop: Shop) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as connection:
            await write(connection, shop.id, [prepare(item("a", "Ghost"), "EUR")])
            raise RuntimeError
    assert await found(shop, "ghost") == []


async def test_shops_do_not_see_each_other(shop: Shop, other_shop: Shop) -> None:
    await stock(shop, item("a", "Secret lamp"))
    await stock(other_shop, item("a", "Table"))
    assert await found(other_shop, "lamp") == []
    assert await found(other_shop, "secrte") == []
    assert await corrected(other_shop, "secrte") is None
    assert await found(other_shop, "", category="a") == []
    assert await fulltext.vocabulary(database.reader(), other_shop.id) == ["a", "table"]


async def test_products_keep_their_order_and_pass_filters(full_shop: Shop) -> None:
    async def shown(groups: Sequence[str], **filters: Any) -> list[str]:
        return [one.item_id for one in await products(full_shop.id, groups, Filters(**filters), 2)]

    assert await shown(["dress", "gone", "shirt", "tee", "dress"]) == ["dress", "shirt"]
    assert await shown(["jacke", "dress", "tee"], in_stock=True, price_max=30) == ["tee"]
    assert await shown(["dress", "tee", "shirt"], category="Men > Shirts") == ["tee", "shirt"]


async def test_everything_can_be_indexed_again(full_shop: Shop) -> None:
    await database.writer().execute_query("DELETE FROM search_documents")
    assert await found(full_shop, "linen") == []
    async with database.transaction() as connection:
        await index_everything(connection)
    assert await found(full_shop, "linen") == ["shirt"]


async def test_shape_of_the_catalog_does_not_matter(shop: Shop) -> None:
    odd = {
        "deep": {"er": [{"x": "findable"}, None, True, 1e300]},
        "quote'\\\"": "it's \\ 'quoted'",
        "\u202e": "\N{MATHEMATICAL BOLD SMALL F}ancy",
    }
    await stock(shop, item("odd", "'; DROP TABLE items; --", attributes=odd, description="x" * 90_000))
    assert await found(shop, "findable") == ["odd"]
    assert await found(shop, "fancy") == ["odd"]
    assert await found(shop, "quoted") == ["odd"]


_HOSTILE = [
    "\x00",
    '"',
    "'",
    "*",
    "NEAR(",
    ")",
    "AND",
    "OR",
    "NOT",
    "{",
    "}",
    ":",
    "title:",
    "^",
    "-",
    "\\",
    "%",
    "&",
    "|",
]


@given(st.text() | st.lists(st.sampled_from([*_HOSTILE, "linen", "shirt"]), max_size=8).map(" ".join))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_query_is_an_error(full_shop: Shop, query: str) -> None:
    result = await Search().find(full_shop.id, query, Filters(category=query or None), 5)
    assert len(result.items) <= 5
    result = await Search().find(full_shop.id, query, Filters(), 5)
    assert len(result.items) <= 5


@pytest.mark.parametrize(
    "query", ["x" * 10_000, "linen " * 2_000, "着" * 10_000, "a b c d e f g h i j k l m n", "\x00"]
)
async def test_long_queries_are_cut(full_shop: Shop, query: str) -> None:
    async with asyncio.timeout(30):  # only a hang takes so long
        await found(full_shop, query)
