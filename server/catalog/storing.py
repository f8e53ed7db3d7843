"""Items into the database, many rows to a statement. What did not change costs a read and no write.

Used item by item (`items.py`) and by imports (`importing.py`). The caller opens the transaction, and tells the news
after its commit; nothing here commits.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

from server.catalog import fulltext
from server.catalog.fields import ItemFields
from server.catalog.models import Item

MOST_AT_ONCE = 1_000


class Prepared(NamedTuple):
    """An item ready to be stored: completed fields and the two hashes that say whether there is anything to do."""

    item_id: str
    row_hash: str
    content_hash: str
    fields: ItemFields


class Written(NamedTuple):
    """The ids that were new, and those that changed."""

    created: tuple[str, ...]
    updated: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return self.created + self.updated


_encode = msgspec.json.Encoder(order="deterministic").encode

_COLUMNS = (
    "shop_id", "item_id", "group_id", "title", "description", "url", "image_url", "additional_image_urls", "price",
    "sale_price", "currency", "availability", "brand", "categories", "tags", "attributes", "links", "content_hash",
    "row_hash", "created_at", "updated_at",
)  # fmt: skip
_POSTGRES_TYPES = (
    "text", "text", "text", "text", "text", "text", "text", "jsonb", "float8",
    "float8", "text", "text", "text", "jsonb", "jsonb", "jsonb", "jsonb", "text",
    "text", "timestamptz", "timestamptz",
)  # fmt: skip
_KEPT = ("shop_id", "item_id", "created_at")
_SET = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEPT)
_INTO = f"INSERT INTO items ({', '.join(_COLUMNS)})"
_CONFLICT = f"ON CONFLICT (shop_id, item_id) DO UPDATE SET {_SET}"
_SQLITE = f"{_INTO} VALUES ({', '.join('?' * len(_COLUMNS))}) {_CONFLICT}"
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_POSTGRES_TYPES, 1))
_POSTGRES = f"{_INTO} SELECT * FROM unnest({_ARRAYS}) {_CONFLICT}"  # noqa: S608 (names and numbers of our own)


def prepare(fields: ItemFields, currency: str) -> Prepared:
    """Complete an item (its group, the shop's currency) and take its hashes."""
    changes: dict[str, Any] = {}
    if fields.group_id is None:
        changes["group_id"] = fields.item_id
    if not fields.currency:
        changes["currency"] = currency
    if changes:
        fields = msgspec.structs.replace(fields, **changes)
    # the vectors of an item depend on these and on nothing else
    content = (fields.title, fields.description, fields.brand, fields.categories, fields.tags, fields.attributes)
    images = (fields.image_url, fields.additional_image_urls)
    return Prepared(fields.item_id, _hash(fields), _hash((content, images)), fields)


def _hash(value: Any) -> str:
    return hashlib.blake2b(_encode(value), digest_size=16).hexdigest()


async def stored_hashes(connection: BaseDBAsyncClient, shop_id: str, item_ids: Sequence[str]) -> dict[str, str]:
    """The row hashes of those of these items that are in the database."""
    if connection.capabilities.dialect == "sqlite":
        marks = ", ".join("?" * len(item_ids))
        query = f"SELECT item_id, row_hash FROM items WHERE shop_id = ? AND item_id IN ({marks})"  # noqa: S608 (only marks)
        _, rows = await connection.execute_query(query, [shop_id, *item_ids])
    else:
        query = "SELECT item_id, row_hash FROM items WHERE shop_id = $1 AND item_id = ANY($2::text[])"
        _, rows = await connection.execute_query(query, [shop_id, list(item_ids)])
    return {row["item_id"]: row["row_hash"] for row in rows}


async def write(connection: BaseDBAsyncClient, shop_id: str, items: Sequence[Prepared]) -> Written:
    """Create or update these items (at most `MOST_AT_ONCE`, each id once) and the search index over them."""
    known = await stored_hashes(connection, shop_id, [item.item_id for item in items])
    # in one order, so that two transactions over the same items never wait for each other for ever
    changed = sorted(
        (item for item in items if known.get(item.item_id) != item.row_hash), key=lambda item: item.item_id
    )
    if changed:
        now = datetime.now(UTC)
        if connection.capabilities.dialect == "sqlite":
            stamp = now.isoformat(" ")
            await connection.execute_many(_SQLITE, [_values(shop_id, item, stamp) for item in changed])
        else:
            columns = zip(*(_values(shop_id, item, now) for item in changed), strict=True)
            await connection.execute_query(_POSTGRES, [list(column) for column in columns])
        searchable: list[Any] = [item.fields for item in changed]
        await fulltext.index(connection, shop_id, searchable)
    created = tuple(item.item_id for item in changed if item.item_id not in known)
    return Written(created, tuple(item.item_id for item in changed if item.item_id in known))


async def remove(connection: BaseDBAsyncClient, shop_id: str, item_ids: Sequence[str]) -> tuple[str, ...]:
    """Delete those of these items (at most `MOST_AT_ONCE`) that exist; returns their ids."""
    known = tuple(await stored_hashes(connection, shop_id, item_ids))
    if known:
        await fulltext.remove(connection, shop_id, known)
        await Item.filter(shop_id=shop_id, item_id__in=list(known)).using_db(connection).delete()
    return known


def _values(shop_id: str, item: Prepared, now: Any) -> list[Any]:
    fields = item.fields
    return [
        shop_id,
        fields.item_id,
        fields.group_id,
        fields.title,
        fields.description,
        fields.url,
        fields.image_url,
        _encode(fields.additional_image_urls).decode(),
        fields.price,
        fields.sale_price,
        fields.currency,
        fields.availability,
        fields.brand,
        _encode(fields.categories).decode(),
        _encode(fields.tags).decode(),
        _encode(fields.attributes).decode(),
        _encode(fields.links).decode(),
        item.content_hash,
        item.row_hash,
        now,
        now,
    ]
