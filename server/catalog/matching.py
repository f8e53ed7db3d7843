"""Asks the full-text index for the items that hold some words and pass some filters."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

from server.catalog import words
from server.catalog.fulltext import category_word, mark

_SQLITE_WEIGHTS = "10.0, 4.0, 3.0, 1.0, 0.0"  # title; brand and categories; tags and attributes; description; keys
_POSTGRES_WEIGHTS = "{0.1, 0.3, 0.4, 1.0}"  # D (description) to A (title)
_MOST_RANKED = 10_000  # a word that more items of a shop share says nothing; the newest are ranked, in some 40 ms
_VARIANTS = 20  # items that are read for each of the newest products wanted
_AVAILABLE = "items.availability IN ('in_stock', 'preorder', 'backorder')"


class Term(NamedTuple):
    """One word to look for; `beginning`: longer words that begin with it fit as well."""

    word: str
    beginning: bool = False


Alternative = tuple[Term, ...]  # all of these words
Expression = Sequence[Sequence[Alternative]]  # for each entry at least one of its alternatives


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What found items must be. Prices are compared with what is paid now."""

    category: str | None = None
    price_min: float | None = None
    price_max: float | None = None
    in_stock: bool = False


class Hit(NamedTuple):
    """One item that was found. `available`: it can be bought now."""

    item_id: str
    group_id: str
    available: bool


async def find(
    connection: BaseDBAsyncClient,
    shop_id: str,
    expression: Expression,
    filters: Filters,
    most: int,
    *,
    in_names: bool = False,
) -> list[Hit]:
    """One item of each of the best `most` products: those that can be bought first, then by rank.

    `in_names`: the words must stand in titles, brands and categories. Without words the newest products are found.
    """
    if not expression and filters.category is None:
        return await _newest(connection, shop_id, filters, most)
    find_in = _find_sqlite if connection.capabilities.dialect == "sqlite" else _find_postgres
    return await find_in(connection, shop_id, expression, filters, most, in_names=in_names)


async def _find_sqlite(
    connection: BaseDBAsyncClient, shop_id: str, expression: Expression, filters: Filters, most: int, *, in_names: bool
) -> list[Hit]:
    matched = _render(shop_id, expression, '"{}"', '"{}" *', " AND ", " OR ")
    if in_names:
        matched = [f"{{title kind}} : {entry}" for entry in matched]
    if filters.category is not None:
        matched = [*matched, f'"{category_word(shop_id, words.category_key(filters.category))}"']
    conditions, values = _conditions(filters, "?")
    found = f"""
        SELECT items.id, items.item_id, items.group_id, {_AVAILABLE} AS available, score FROM (
            SELECT rowid AS id, bm25(search_documents, {_SQLITE_WEIGHTS}) AS score FROM search_documents
            WHERE search_documents MATCH ? ORDER BY rowid DESC LIMIT {_MOST_RANKED}
        ) AS found CROSS JOIN items ON items.id = found.id
        WHERE items.shop_id = ? {conditions}
    """  # noqa: S608 (numbers and names of our own)
    _, rows = await connection.execute_query(_by_product(found, most), [" AND ".join(matched), shop_id, *values])
    return _hits(rows)


async def _find_postgres(
    connection: BaseDBAsyncClient, shop_id: str, expression: Expression, filters: Filters, most: int, *, in_names: bool
) -> list[Hit]:
    weights = "AB" if in_names else ""
    ranked = " & ".join(_render(shop_id, expression, f"'{{}}':{weights}", f"'{{}}':*{weights}", " & ", " | "))
    matched = ranked
    if filters.category is not None:
        key = f"'{category_word(shop_id, words.category_key(filters.category))}'"
        matched = f"{ranked} & {key}" if ranked else key
    conditions, values = _conditions(filters, "$", first=4)
    found = f"""
        SELECT items.id, items.item_id, items.group_id, {_AVAILABLE} AS available, score FROM (
            SELECT shop_id, item_id, -ts_rank('{_POSTGRES_WEIGHTS}', document, $2::tsquery, 1) AS score
            FROM search_documents WHERE document @@ $1::tsquery LIMIT {_MOST_RANKED}
        ) AS found JOIN items ON items.shop_id = found.shop_id AND items.item_id = found.item_id
        WHERE items.shop_id = $3 {conditions}
    """  # noqa: S608 (numbers and names of our own)
    _, rows = await connection.execute_query(_by_product(found, most), [matched, ranked, shop_id, *values])
    return _hits(rows)


def _by_product(found: str, most: int) -> str:
    """Of the items that `found` selects one for each product, in the order of the products' best scores (low is good).

    Shown is what can be bought, then the item that stands for its product, then the best.
    """
    return f"""
        SELECT item_id, group_id, available FROM (
            SELECT id, item_id, group_id, available, min(score) OVER (PARTITION BY group_id, available) AS best,
                row_number() OVER (
                    PARTITION BY group_id ORDER BY available DESC, (item_id = group_id) DESC, score, id
                ) AS place
            FROM ({found}) AS items
        ) AS products WHERE place = 1 ORDER BY available DESC, best, id DESC LIMIT {most}
    """  # noqa: S608 (texts and numbers of our own)


def _hits(rows: Iterable[Any]) -> list[Hit]:
    return [Hit(row["item_id"], row["group_id"], bool(row["available"])) for row in rows]


def shown(hits: Iterable[Hit], most: int) -> list[Hit]:
    """Of each product the first hit, or the item that stands for the product where it is as available."""
    products: dict[str, Hit] = {}
    for hit in hits:
        first = products.setdefault(hit.group_id, hit)
        if hit.item_id == hit.group_id and hit.available >= first.available:
            products[hit.group_id] = hit
    return list(products.values())[:most]


async def _newest(connection: BaseDBAsyncClient, shop_id: str, filters: Filters, most: int) -> list[Hit]:
    sqlite = connection.capabilities.dialect == "sqlite"
    conditions, values = _conditions(filters, "?" if sqlite else "$", first=2)
    query = f"""
        SELECT items.item_id, items.group_id, {_AVAILABLE} AS available FROM items
        WHERE items.shop_id = {"?" if sqlite else "$1"} {conditions}
        ORDER BY available DESC, id DESC LIMIT {most * _VARIANTS}
    """  # noqa: S608 (numbers and names of our own)
    _, rows = await connection.execute_query(query, [shop_id, *values])
    return shown(_hits(rows), most)


async def of_products(
    connection: BaseDBAsyncClient, shop_id: str, group_ids: Sequence[str], filters: Filters
) -> list[Hit]:
    """One item of each of these products that passes the filters, those that can be bought first."""
    sqlite = connection.capabilities.dialect == "sqlite"
    conditions, values = _conditions(filters, "?" if sqlite else "$", first=3)
    wanted = "IN (SELECT value FROM json_each(?))" if sqlite else "= ANY($2::text[])"
    query = f"""
        SELECT items.item_id, items.group_id, {_AVAILABLE} AS available, items.categories FROM items
        WHERE items.shop_id = {"?" if sqlite else "$1"} AND items.group_id {wanted} {conditions}
        ORDER BY available DESC, id
    """  # noqa: S608 (numbers and names of our own)
    groups: Any = msgspec.json.encode(list(group_ids)).decode() if sqlite else list(group_ids)
    _, rows = await connection.execute_query(query, [shop_id, groups, *values])
    key = words.category_key(filters.category) if filters.category is not None else None
    inside = (
        row
        for row in rows
        if key is None or any(key in words.category_keys(path) for path in msgspec.json.decode(row["categories"]))
    )
    return shown(_hits(inside), len(group_ids))


def _conditions(filters: Filters, placeholder: str, first: int = 0) -> tuple[str, list[float]]:
    conditions, values = "", list[float]()
    price = "coalesce(items.sale_price, items.price)"
    for comparison, bound in ((">=", filters.price_min), ("<=", filters.price_max)):
        if bound is not None:
            here = placeholder if placeholder == "?" else f"${first + len(values)}"
            conditions += f" AND {price} {comparison} {here}"
            values.append(bound)
    if filters.in_stock:
        conditions += f" AND {_AVAILABLE}"
    return conditions, values


def _render(shop_id: str, expression: Expression, exact: str, beginning: str, every: str, some: str) -> list[str]:
    """The expression in a database's own language, one text per entry. Words hold nothing that could be syntax."""
    begin = mark(shop_id)

    def of(alternatives: Iterable[Alternative]) -> Iterator[str]:
        for alternative in alternatives:
            terms = [(beginning if term.beginning else exact).format(begin + term.word) for term in alternative]
            yield f"({every.join(terms)})" if len(terms) > 1 else terms[0]

    return [f"({some.join(of(alternatives))})" for alternatives in expression]
