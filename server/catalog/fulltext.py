"""The full-text index of items: FTS5 on SQLite, tsvector on PostgreSQL. `matching` asks it.

Both hold words that `words` has prepared, each with its shop's mark before it. So a word of one shop is another word
than the same of the next, and looking one up never touches other shops' rows.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

from server.catalog import words
from server.catalog.fields import ItemFields
from server.catalog.models import Item

_MOST_WORDS = 400  # of one item; PostgreSQL allows 1 MB


def mark(shop_id: str) -> str:
    """What a shop's words begin with. The shop's own rows are still asked for by its id."""
    return blake2b(shop_id.encode(), digest_size=5).hexdigest()


async def index(connection: BaseDBAsyncClient, shop_id: str, items: Sequence[Item | ItemFields]) -> None:
    """Index items that are stored, or index them anew, within the caller's transaction."""
    texts = [(item.item_id, *_texts(shop_id, item)) for item in items]
    if connection.capabilities.dialect == "sqlite":
        await _index_sqlite(connection, shop_id, texts)
    else:
        await _index_postgres(connection, shop_id, texts)


async def remove(connection: BaseDBAsyncClient, shop_id: str, item_ids: Sequence[str]) -> None:
    """Take items out of the index, within the caller's transaction and before they are deleted."""
    if connection.capabilities.dialect == "sqlite":
        wanted = msgspec.json.encode(list(item_ids)).decode()
        await connection.execute_query(
            "DELETE FROM search_documents WHERE rowid IN "
            "(SELECT id FROM items WHERE shop_id = ? AND item_id IN (SELECT value FROM json_each(?)))",
            [shop_id, wanted],
        )
    else:
        await connection.execute_query(
            "DELETE FROM search_documents WHERE shop_id = $1 AND item_id = ANY($2::text[])", [shop_id, list(item_ids)]
        )


async def vocabulary(connection: BaseDBAsyncClient, shop_id: str) -> list[str]:
    """All words of a shop's index."""
    if connection.capabilities.dialect == "sqlite":
        begin = mark(shop_id)
        query = "SELECT term AS word FROM search_words WHERE term >= ? AND term < ?"
        _, rows = await connection.execute_query(query, [begin, begin + "\U0010ffff"])
        return [row["word"][len(begin) :] for row in rows]
    _, rows = await connection.execute_query("SELECT word FROM search_words WHERE shop_id = $1", [shop_id])
    return [row["word"] for row in rows]


async def counts(connection: BaseDBAsyncClient, shop_id: str, of: Sequence[str]) -> dict[str, int]:
    """In how many items of a shop each of a few words stands; from 1,000 on PostgreSQL stops counting."""
    if connection.capabilities.dialect == "sqlite":
        query = "SELECT doc AS n FROM search_words WHERE term = ?"
        values = [[mark(shop_id) + word] for word in of]
    else:
        matching = "SELECT 1 FROM search_documents WHERE document @@ $1::tsquery LIMIT 1000"
        query = f"SELECT count(*) AS n FROM ({matching}) AS found"  # noqa: S608 (nothing from outside)
        values = [[f"'{mark(shop_id)}{word}'"] for word in of]
    rows = [(await connection.execute_query(query, value))[1] for value in values]
    return {word: found[0]["n"] if found else 0 for word, found in zip(of, rows, strict=True)}


def _texts(shop_id: str, item: Item | ItemFields) -> tuple[list[str], list[str], list[str], list[str], list[str]]:
    """Marked words of title; brand and categories; tags, attributes and ids; description; and the category keys."""
    begin = mark(shop_id)
    categories = list(words.values_in(item.categories))
    texts = (
        item.title,
        " ".join([item.brand, *categories]),
        " ".join([*words.values_in(item.tags), *words.values_in(item.attributes), item.item_id, item.group_id or ""]),
        item.description,
    )
    title, kind, tags, description = ([begin + word for word in words.of_text(text)][:_MOST_WORDS] for text in texts)
    keys = dict.fromkeys(key for path in categories for key in words.category_keys(path))
    return title, kind, tags, description, [category_word(shop_id, key) for key in keys]


def category_word(shop_id: str, key: str) -> str:
    """What the items of a category are found by. No word begins with k as this does: marks are hexadecimal."""
    return f"k{mark(shop_id)}{blake2b(key.encode(), digest_size=6).hexdigest()}"


_Indexed = tuple[str, list[str], list[str], list[str], list[str], list[str]]


async def _index_sqlite(connection: BaseDBAsyncClient, shop_id: str, texts: Sequence[_Indexed]) -> None:
    wanted = msgspec.json.encode([item_id for item_id, *_ in texts]).decode()
    query = "SELECT id, item_id FROM items WHERE shop_id = ? AND item_id IN (SELECT value FROM json_each(?))"
    _, rows = await connection.execute_query(query, [shop_id, wanted])
    ids = {row["item_id"]: row["id"] for row in rows}
    values: list[Any] = [
        (ids[item_id], *(" ".join(column) for column in columns)) for item_id, *columns in texts if item_id in ids
    ]
    await connection.execute_many(
        "INSERT OR REPLACE INTO search_documents (rowid, title, kind, tags, description, keys)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        values,
    )


async def _index_postgres(connection: BaseDBAsyncClient, shop_id: str, texts: Sequence[_Indexed]) -> None:
    insert = (
        "INSERT INTO search_documents (shop_id, item_id, document) "
        "SELECT $1, item_id, document::tsvector FROM unnest($2::text[], $3::text[]) AS new (item_id, document) "
        "ON CONFLICT (shop_id, item_id) DO UPDATE SET document = EXCLUDED.document"
    )
    documents = {item_id: _document(columns) for item_id, *columns in texts}
    await connection.execute_query(insert, [shop_id, list(documents), list(documents.values())])
    length = len(mark(shop_id))
    # in order, so that two transactions that add the same words never wait for each other in a circle
    new_words = sorted({word[length:] for _, *columns in texts for column in columns[:4] for word in column})
    await connection.execute_query(
        "INSERT INTO search_words (shop_id, word) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
        [shop_id, new_words],
    )


def _document(columns: Sequence[list[str]]) -> str:
    """A tsvector's text: each word once, with the weight of the best column it stands in."""
    weights: dict[str, str] = {}
    for weight, column in zip("ABCDD", columns, strict=True):
        for word in column:
            weights.setdefault(word, weight)
    return " ".join(f"'{word}':{position}{weight}" for position, (word, weight) in enumerate(weights.items(), 1))
