"""Recommending, as a page asks for it: what is in a list, what never is, and why it is there."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.catalog import items as catalog
from server.catalog.fields import ItemFields
from server.catalog.models import Item
from server.serving.placements import BUILT_IN
from server.serving.question import Question
from server.serving.recommend import recommend_page
from server.shops.models import Shop
from tests.serving.goods import Counter, goods, happen, purchase, stock

PLACEMENTS = [*BUILT_IN, "my-own-banner"]
EXAMPLES = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SKUS = st.integers(0, 65).map("sku-{}".format)  # the last ones do not exist
QUESTIONS = st.fixed_dictionaries(
    {"placement": st.sampled_from(PLACEMENTS), "limit": st.integers(1, 100)},
    optional={
        "item_ids": st.lists(SKUS, max_size=5).map(tuple),
        "exclude": st.lists(SKUS, max_size=60).map(tuple),
        "shopper_id": st.sampled_from(["regular", "nobody"]),
        "category": st.sampled_from(["Wear", "wear > SHIRTS", "coats", "not a category"]),
        "price_min": st.integers(0, 6_000).map(lambda cents: cents / 100),
        "price_max": st.integers(2_000, 8_000).map(lambda cents: cents / 100),
        "in_stock": st.booleans(),
    },
)


@pytest.fixture
async def busy(stocked: Counter) -> Counter:
    """A shop with sales, a regular shopper, and every seventh product sold out."""
    orders = [purchase(f"shopper-{n % 9}", f"o{n}", *(f"sku-{(n * k) % 60}" for k in (1, 2, 5))) for n in range(40)]
    orders.append(purchase("regular", "o-regular", "sku-3", "sku-9"))
    seen = [{"type": "view_item", "shopper_id": "regular", "item_id": f"sku-{n}"} for n in range(20, 30)]
    await happen(stocked.settings, stocked.redis, stocked.shop, [*orders, *seen])
    for number in range(0, 60, 7):
        await catalog.patch(stocked.shop, f"sku-{number}", {"availability": "out_of_stock"}, stocked.redis)
    await stocked.learn()
    return stocked


@EXAMPLES
@given(question=QUESTIONS)
async def test_list_holds_what_may_be_shown_and_as_much_of_it_as_asked(busy: Counter, question: dict[str, Any]) -> None:
    answer = await busy.ask(**question)
    shown = [item["item_id"] for item in answer["items"]]
    may = set(await _allowed(busy.shop, question))
    assert len(shown) == len(set(shown)), "no product twice"
    assert set(shown) <= may
    assert len(shown) == min(question["limit"], len(may)), "full, as long as there is anything to show"
    assert all(item["reason"]["text"] and 0 <= item["score"] <= 1 for item in answer["items"])


async def _allowed(shop: Shop, question: dict[str, Any]) -> list[str]:
    known = {"wear": "", "wear > shirts": "shirt", "coats": "coat"}.get(question.get("category", "wear").lower(), "")
    left_out = {*question.get("item_ids", ()), *question.get("exclude", ())}
    return [
        item.item_id
        for item in await Item.filter(shop_id=shop.id)
        if item.item_id not in left_out
        and (item.availability == "in_stock" or not question.get("in_stock", True))
        and known in item.title
        and question.get("price_min", 0) <= item.price <= question.get("price_max", 1e9)
    ]


@pytest.mark.parametrize("placement", PLACEMENTS)
async def test_every_placement_of_a_shop_without_events_is_full(stocked: Counter, placement: str) -> None:
    for question in ({}, {"item_ids": ("sku-5",)}, {"item_ids": ("unknown",)}, {"shopper_id": "new"}):
        answer = await stocked.ask(placement=placement, **question)
        assert len(answer["items"]) == 12
        assert answer["model_version"] == "m_1"


@pytest.mark.parametrize("placement", PLACEMENTS)
async def test_shop_without_snapshot_is_served_its_newest(counter: Counter, placement: str) -> None:
    assert (await counter.ask(placement=placement))["items"] == []
    await stock(counter.shop, counter.redis, goods(30))
    await asyncio.sleep(1)
    answer = await counter.ask(placement=placement, shopper_id="anyone", exclude=("sku-29",))
    assert len(answer["items"]) == 12
    assert "sku-29" not in [item["item_id"] for item in answer["items"]]
    assert (answer["strategy"], answer["model_version"]) == ("newest", None)


async def test_filters_hold_without_a_snapshot_too(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(400))  # more than one page of the database is read for this
    found = await counter.ask(category="coats", price_max=30.0, exclude=("sku-1",), limit=5)
    assert {item["item_id"] for item in found["items"]} == {"sku-7", "sku-13", "sku-19"}


async def test_product_page_shows_its_like_and_says_so(stocked: Counter) -> None:
    answer = await stocked.ask(placement="product-page", item_ids=("sku-6",), limit=6)
    assert answer["strategy"] == "similar-items"
    assert sum("linen shirt" in item["title"] for item in answer["items"]) >= 5
    assert answer["items"][0]["reason"] == {"code": "similar", "text": "Similar to linen shirt model 6"}


async def test_cart_shows_what_was_bought_with_it(stocked: Counter) -> None:
    orders = [purchase(f"s{n}", f"o{n}", "sku-1", "sku-2", f"sku-{10 + n}") for n in range(12)]
    await happen(stocked.settings, stocked.redis, stocked.shop, orders)
    await stocked.learn()
    answer = await stocked.ask(placement="cart", item_ids=("sku-1",), limit=4)
    assert answer["strategy"] == "bought-together"
    assert answer["items"][0]["item_id"] == "sku-2"
    assert answer["items"][0]["reason"] == {"code": "bought-together", "text": "Often bought with wool coat model 1"}


async def test_curated_links_are_followed(counter: Counter) -> None:
    items = goods(30)
    linked = {"cross_sell": ["sku-20", "sku-21"], "upsell": ["sku-25"]}
    items[0] = ItemFields(item_id="sku-0", title="linen shirt model 0", links=linked)
    await stock(counter.shop, counter.redis, items)
    await counter.learn()
    cart = await counter.ask(placement="cart", item_ids=("sku-0",), limit=5)
    assert {"sku-20", "sku-21"} <= {item["item_id"] for item in cart["items"]}
    page = await counter.ask(placement="product-page", item_ids=("sku-0",), limit=5)
    reasons = {item["item_id"]: item["reason"] for item in page["items"]}
    assert reasons["sku-25"] == {"code": "curated", "text": "Goes with linen shirt model 0"}


async def test_like_changes_the_next_answer_and_can_be_taken_back(stocked: Counter) -> None:
    async def home() -> list[str]:
        return await stocked.ids(shopper_id="ann")

    async def does(kind: str, item_id: str, second: int) -> None:
        event = {"type": kind, "shopper_id": "ann", "item_id": item_id, "time": f"2026-02-01T12:00:{second:02}Z"}
        await happen(stocked.settings, stocked.redis, stocked.shop, [event | {"event_id": f"like-{second}"}])

    before = await home()
    await does("add_to_wishlist", "sku-8", 1)
    answer = await stocked.ask(shopper_id="ann")
    liked = [item["item_id"] for item in answer["items"]]
    assert liked != before
    assert answer["strategy"] == "personal"
    assert "Because you liked leather belt model 8" in [item["reason"]["text"] for item in answer["items"]]
    await does("remove_from_wishlist", "sku-8", 2)
    assert await home() == before
    await does("view_item", "sku-8", 3)
    reasons = [item["reason"]["text"] for item in (await stocked.ask(shopper_id="ann"))["items"]]
    assert "Because you looked at leather belt model 8" in reasons


async def test_what_a_shopper_does_not_want_is_not_shown_again(stocked: Counter) -> None:
    first = (await stocked.ids(shopper_id="bob"))[0]
    refusal = {"type": "not_interested", "shopper_id": "bob", "item_id": first}
    await happen(stocked.settings, stocked.redis, stocked.shop, [refusal])
    assert first not in await stocked.ids(shopper_id="bob", limit=100)
    assert first in await stocked.ids(shopper_id="somebody else", limit=100)


async def test_what_was_just_bought_or_is_in_the_cart_is_left_out(stocked: Counter) -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC).isoformat()
    cart = {"type": "add_to_cart", "session_id": "visit", "item_id": "sku-4"}
    orders = [purchase("cat", "o1", "sku-7", time=now), purchase("cat", "o0", "sku-8", time="2020-01-01T00:00:00Z")]
    await happen(stocked.settings, stocked.redis, stocked.shop, [*orders, cart])
    shown = await stocked.ids(shopper_id="cat", session_id="visit", limit=100)
    assert len(shown) == 58
    assert {"sku-4", "sku-7"}.isdisjoint(shown)
    assert shown[-1] == "sku-8", "bought long ago: shown when nothing else is left"


async def test_variants_are_one_product(counter: Counter) -> None:
    plain = goods(12)
    shirts = [
        ItemFields(item_id=f"shirt-{size}", group_id="shirt", title=f"linen shirt size {size}", price=20.0)
        for size in ("s", "m", "l")
    ]
    await stock(counter.shop, counter.redis, [*plain, *shirts])
    await counter.learn()
    everything = await counter.ids(limit=100)
    assert len(everything) == 13
    assert sum(item_id.startswith("shirt-") for item_id in everything) == 1
    for name in ("shirt", "shirt-m", "shirt-l"):
        page = await counter.ask(placement="product-page", item_ids=(name,), limit=100)
        assert page["items"][0]["reason"]["text"].startswith("Similar to linen shirt size")
        assert not any(item["item_id"].startswith("shirt-") for item in page["items"])


async def test_variant_that_can_be_bought_stands_for_its_product(counter: Counter) -> None:
    sizes = [
        ItemFields(item_id="shirt", title="linen shirt", availability="out_of_stock", price=20.0),
        ItemFields(item_id="shirt-l", group_id="shirt", title="linen shirt large", price=25.0, sale_price=15.0),
    ]
    await stock(counter.shop, counter.redis, [*goods(3), *sizes])
    await counter.learn()
    assert "shirt-l" in await counter.ids()
    assert await counter.ids(price_max=15.0, price_min=14.0) == ["shirt-l"]


async def test_lists_of_one_page_share_no_product(busy: Counter) -> None:
    questions = [Question(placement=name, item_ids=("sku-1",), shopper_id="regular", limit=9) for name in BUILT_IN]
    page = await recommend_page(busy.shop.id, questions, busy.shelf, busy.recents)
    shown = [row for answer in page for row in answer.shown]
    assert len(shown) == len(set(shown)) > 40
    again = await recommend_page(busy.shop.id, questions, busy.shelf, busy.recents, repeat=True)
    assert [len(answer.shown) for answer in again] == [9] * len(questions)


async def test_shops_never_mix(stocked: Counter, other_shop: Shop) -> None:
    other = Counter(stocked.settings, stocked.redis, other_shop)
    await stock(other_shop, stocked.redis, [ItemFields(item_id=f"sku-{n}", title=f"tea pot {n}") for n in range(20)])
    await other.learn()
    for shop, title in ((stocked.shop, "model"), (other_shop, "tea pot")):
        stocked.shop = shop
        answer = await stocked.ask(placement="product-page", item_ids=("sku-1",), shopper_id="same", limit=50)
        assert all(title in item["title"] for item in answer["items"])
    await other.shelf.close()


async def test_home_is_varied(stocked: Counter) -> None:
    answer = await stocked.ask(limit=12)
    kinds = [item["title"].split(" model")[0] for item in answer["items"]]
    assert len(set(kinds)) >= 4


async def test_near_duplicates_come_last(counter: Counter) -> None:
    same = [ItemFields(item_id=f"copy-{n}", title="linen shirt model 1") for n in range(5)]
    await stock(counter.shop, counter.redis, [*goods(24), *same])
    await counter.learn()
    # what is like sku-0 at all: three other shirts, and the five copies
    shown = await counter.ids(placement="product-page", item_ids=("sku-0",), limit=4)
    assert sum(item_id.startswith("copy-") for item_id in shown) == 1


async def test_same_anonymous_question_gets_the_same_list_under_a_new_id(stocked: Counter) -> None:
    first = await stocked.ask(placement="home")
    second = await stocked.ask(placement="home")
    assert first.pop("recommendation_id") != second.pop("recommendation_id")
    assert first == second
