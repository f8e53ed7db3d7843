"""The catalog, item by item, as the HTTP API uses it."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from server.catalog import items
from server.catalog.fields import Invalid, ItemFields
from server.catalog.models import Item
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import messages


def shirt(item_id: str = "S-1", **fields: object) -> ItemFields:
    return msgspec.convert({"item_id": item_id, "title": "Linen shirt", "price": 20.0} | fields, ItemFields)


async def test_upsert_counts_what_it_did_and_the_same_again_changes_nothing(shop: Shop, redis: Redis):
    first = await items.upsert(shop, [shirt("a"), shirt("b")], redis)
    assert (first.created, first.updated, first.unchanged) == (2, 0, 0)
    before = await Item.get(ACROSS_SHOPS, item_id="a")
    again = await items.upsert(shop, [shirt("a"), shirt("b", price=21.0), shirt("c")], redis)
    assert (again.created, again.updated, again.unchanged) == (1, 1, 1)
    after = await Item.get(ACROSS_SHOPS, item_id="a")
    assert after.updated_at == before.updated_at


async def test_an_item_gets_its_group_and_the_shops_currency(shop: Shop, redis: Redis):
    stored, is_new = await items.put(shop, shirt(attributes={"b": 1, "a": ["x"]}, links={"upsell": ["z"]}), redis)
    assert is_new
    assert (stored.group_id, stored.currency) == ("S-1", "EUR")
    assert stored.attributes == {"a": ["x"], "b": 1}
    assert items.complete(stored).links == {"upsell": ["z"]}
    assert "links" not in msgspec.to_builtins(items.public(stored))
    assert not (await items.put(shop, shirt(), redis))[1]


async def test_only_what_encoders_read_changes_the_content_hash(shop: Shop, redis: Redis):
    first, _ = await items.put(shop, shirt(), redis)
    cheaper, _ = await items.put(shop, shirt(price=10.0, availability="out_of_stock"), redis)
    renamed, _ = await items.put(shop, shirt(description="Soft"), redis)
    assert first.content_hash == cheaper.content_hash != renamed.content_hash
    assert len({first.row_hash, cheaper.row_hash, renamed.row_hash}) == 3


async def test_one_bad_item_stores_none_and_is_pointed_at(shop: Shop, redis: Redis):
    with pytest.raises(Invalid) as invalid:
        await items.upsert(shop, [shirt("a"), shirt("b", url="nowhere")], redis)
    assert invalid.value.errors[0].pointer == "/1/url"
    assert await shop.items.all().count() == 0


async def test_patch_changes_what_is_given_and_null_empties(shop: Shop, redis: Redis):
    await items.put(shop, shirt(brand="Acme", sale_price=15.0, tags=["a"]), redis)
    changed = await items.patch(shop, "S-1", {"price": 30.0, "sale_price": None, "brand": None}, redis)
    assert changed is not None
    assert (changed.price, changed.sale_price, changed.brand, changed.tags) == (30.0, None, "", ["a"])
    assert await items.patch(shop, "unknown", {"price": 1.0}, redis) is None
    for wrong in ({"price": -1}, {"title": None}, {"item_id": "other"}, {"sale_price": 40.0}):
        with pytest.raises(Invalid):
            await items.patch(shop, "S-1", wrong, redis)


async def test_shops_never_touch_each_others_items(shop: Shop, other_shop: Shop, redis: Redis):
    await items.put(shop, shirt(), redis)
    await items.put(other_shop, shirt(title="Other"), redis)
    assert await items.delete(other_shop, ["S-1", "unknown"], redis) == 1
    assert (await Item.get(shop_id=shop.id)).title == "Linen shirt"
    assert await items.patch(other_shop, "S-1", {"price": 1.0}, redis) is None


async def test_every_change_is_told(shop: Shop, redis: Redis):
    heard: list[messages.Message] = []
    connected, complete = asyncio.Event(), asyncio.Event()

    async def on_message(message: messages.Message) -> None:
        heard.append(message)
        if len(heard) == 2:
            complete.set()

    async def on_connect() -> None:
        connected.set()

    listening = asyncio.create_task(messages.listen(redis, on_message, on_connect))
    await connected.wait()
    await items.put(shop, shirt(), redis)
    await items.put(shop, shirt(), redis)  # nothing new
    await items.delete(shop, ["S-1"], redis)
    async with asyncio.timeout(5):
        await complete.wait()
    listening.cancel()
    assert [(message.topic, message.shop_id, message.items) for message in heard] == [
        ("items-changed", shop.id, ("S-1",)),
        ("items-changed", shop.id, ("S-1",)),
    ]


async def test_the_strangest_texts_are_stored_and_read_back(shop: Shop, redis: Redis):
    strange = shirt(
        "ключ/ü 🧦", title="a\x00b\u2028\U0001f9e6", attributes={"n": 10**15, "deep": {"a": [None, 1.5, "\x00"]}}
    )
    stored, _ = await items.put(shop, strange, redis)
    assert (stored.item_id, stored.title) == ("ключ/ü 🧦", "ab\u2028\U0001f9e6")
    assert stored.attributes == {"n": 10**15, "deep": {"a": [None, 1.5, ""]}}


async def test_simultaneous_upserts_of_the_same_items_both_succeed(shop: Shop, redis: Redis):
    forth = [shirt(str(n), price=1.0) for n in range(50)]
    back = [shirt(str(n), price=2.0) for n in reversed(range(50))]
    await asyncio.gather(*(items.upsert(shop, batch, redis) for batch in (forth, back, forth, back)))
    assert await shop.items.all().count() == 50
