"""The catalog, item by item: put, change, remove, and show. What the HTTP API calls; every change is told at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from redis.asyncio import Redis

from server.catalog import storing
from server.catalog.fields import FieldError, Invalid, ItemFields, check, read
from server.catalog.models import Item
from server.catalog.storing import Written
from server.shops.models import Shop
from server.storage import database, messages


class Outcome(msgspec.Struct, frozen=True):
    """What an upsert did: how many items were new, changed, and already as they were sent; and which were written."""

    created: int
    updated: int
    unchanged: int
    written: Written = Written((), ())


class PublicItem(msgspec.Struct, frozen=True, kw_only=True):
    """What anyone with a publishable key may read of an item."""

    item_id: str
    group_id: str
    title: str
    description: str
    url: str
    image_url: str
    additional_image_urls: list[str]
    price: float | None
    sale_price: float | None
    currency: str
    availability: str
    brand: str
    categories: list[str]
    tags: list[str]
    attributes: dict[str, Any]


class ShopItem(PublicItem, frozen=True, kw_only=True):
    """What the shop itself reads: also its curated links and when it was stored."""

    links: dict[str, list[str]]
    created_at: datetime
    updated_at: datetime


_PUBLIC = PublicItem.__struct_fields__


def public(item: Item) -> PublicItem:
    """The public fields of an item."""
    return PublicItem(**{name: getattr(item, name) for name in _PUBLIC})


def complete(item: Item) -> ShopItem:
    """All fields of an item, for its shop."""
    stored = {name: getattr(item, name) for name in _PUBLIC}
    return ShopItem(**stored, links=item.links, created_at=item.created_at, updated_at=item.updated_at)


async def upsert(shop: Shop, items: Sequence[ItemFields], redis: "Redis") -> Outcome:
    """Create or replace items in one transaction; of several with one id the last counts.

    Raises:
        Invalid: one is not valid (`check`); then none is stored. Pointers begin with the item's index.
        ValueError: more than 1,000 items.

    """
    if len(items) > storing.MOST_AT_ONCE:
        raise ValueError(f"at most {storing.MOST_AT_ONCE} items at once")
    prepared = {item.item_id: storing.prepare(item, shop.currency) for item in _checked(items)}
    if not prepared:
        return Outcome(0, 0, 0)
    async with database.transaction() as connection:
        written = await storing.write(connection, shop.id, list(prepared.values()))
    await tell(redis, shop.id, written.ids)
    return Outcome(len(written.created), len(written.updated), len(items) - len(written.ids), written)


async def put(shop: Shop, item: ItemFields, redis: "Redis") -> tuple[Item, bool]:
    """Create or replace one item; returns it as stored, and whether it is new.

    Raises:
        Invalid: it is not valid.

    """
    prepared = storing.prepare(check(item), shop.currency)
    async with database.transaction() as connection:
        written = await storing.write(connection, shop.id, [prepared])
        stored = await Item.get(shop_id=shop.id, item_id=item.item_id, using_db=connection)
    await tell(redis, shop.id, written.ids)
    return stored, bool(written.created)


async def patch(shop: Shop, item_id: str, changes: Mapping[str, Any], redis: "Redis") -> Item | None:
    """Change the given fields of an item and leave the others; null empties a field. None when there is no such item.

    Raises:
        Invalid: the item would not be valid with these fields.

    """
    if changes.get("item_id", item_id) != item_id:
        raise Invalid([FieldError("/item_id", "`item_id` cannot be changed. Put a new item and delete this one.")])
    async with database.transaction() as connection:
        query = Item.filter(shop_id=shop.id, item_id=item_id).using_db(connection)
        stored = await (query if database.is_sqlite() else query.select_for_update()).first()
        if stored is None:
            return None
        given = {name: getattr(stored, name) for name in ItemFields.__struct_fields__} | dict(changes)
        emptied = {name for name, value in changes.items() if value is None and name != "title"}
        prepared = storing.prepare(read({k: v for k, v in given.items() if k not in emptied}), shop.currency)
        written = await storing.write(connection, shop.id, [prepared])
        stored = await Item.get(shop_id=shop.id, item_id=item_id, using_db=connection)
    await tell(redis, shop.id, written.ids)
    return stored


async def delete(shop: Shop, item_ids: Sequence[str], redis: "Redis") -> int:
    """Remove items (at most 1,000); returns how many there were."""
    async with database.transaction() as connection:
        gone = await storing.remove(connection, shop.id, list(dict.fromkeys(item_ids)))
    await tell(redis, shop.id, gone)
    return len(gone)


async def tell(redis: "Redis", shop_id: str, item_ids: Sequence[str]) -> None:
    """Say which items changed, after the commit, so that every process shows them as they are now."""
    for start in range(0, len(item_ids), messages.MOST_ITEMS):
        part = tuple(item_ids[start : start + messages.MOST_ITEMS])
        await messages.publish(redis, messages.Message("items-changed", shop_id, items=part))


def _checked(items: Sequence[ItemFields]) -> list[ItemFields]:
    checked: list[ItemFields] = []
    errors: list[FieldError] = []
    for index, item in enumerate(items):
        try:
            checked.append(check(item))
        except Invalid as invalid:
            errors += (FieldError(f"/{index}{error.pointer}", error.detail) for error in invalid.errors)
    if errors:
        raise Invalid(errors)
    return checked
