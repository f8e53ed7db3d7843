"""Puts events into the database, many rows to a statement; an event that is already there stays as it was.

Used by the ingest of live events and by the import of event files. Both open the transaction; nothing here commits.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

_CHUNK_ROWS = 5_000  # more rows to a statement bring no speed, only memory


class EventRow(NamedTuple):
    """One item of one event, in the order of the columns of `events`.

    An event with several items is several rows with the positions 0, 1, 2, …; one without items is a single row whose
    `item_id` is None. `time_ms`: Unix milliseconds, UTC. `extra`: text of a JSON object.
    """

    event_id: str
    position: int
    type: str
    time_ms: int
    shopper_id: str | None = None
    session_id: str | None = None
    item_id: str | None = None
    quantity: float | None = None
    price: float | None = None
    currency: str | None = None
    value: float | None = None
    transaction_id: str | None = None
    search_term: str | None = None
    placement: str | None = None
    recommendation_id: str | None = None
    extra: str | None = None
    source: int | None = None  # see Event.source


Key = tuple[str, str]  # shop id, event id

_COLUMNS = ("shop_id", *EventRow._fields)
_POSTGRES_TYPES = (
    *("text", "text", "smallint", "text", "bigint", "text", "text", "text", "float8", "float8"),
    *("text", "float8", "text", "text", "text", "text", "jsonb", "bigint"),
)
_INTO = f"INSERT INTO events ({', '.join(_COLUMNS)})"
_INSERT_SQLITE = f"{_INTO} VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT DO NOTHING"
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_POSTGRES_TYPES, 1))
# Two transactions that insert the same events in different orders would wait for each other for ever: so rows are
# inserted in the order of their keys, while their ids rise in the order given.
_INSERT_POSTGRES = f"""
    WITH given AS (SELECT * FROM unnest({_ARRAYS}) WITH ORDINALITY AS given ({", ".join(_COLUMNS)}, place)),
    numbers AS (
        SELECT array_agg(nextval(pg_get_serial_sequence('events', 'id'))) AS ids
        FROM generate_series(1, cardinality($1::text[]))
    )
    INSERT INTO events (id, {", ".join(_COLUMNS)})
    SELECT numbers.ids[place], {", ".join(_COLUMNS)} FROM given, numbers ORDER BY shop_id, event_id, position
    ON CONFLICT DO NOTHING RETURNING shop_id, event_id
"""  # noqa: S608 (names and numbers of our own)
_STORED_SQLITE = """
    SELECT events.shop_id, events.event_id FROM json_each(?) AS wanted CROSS JOIN events
    ON events.shop_id = wanted.value ->> 0 AND events.event_id = wanted.value ->> 1 AND events.position = 0
"""


async def store(connection: BaseDBAsyncClient, shop_id: str, rows: Sequence[EventRow]) -> set[str]:
    """Insert one shop's rows; returns the ids of the events that were new.

    Rows are numbered in the order given, which tells what came first where events have the same time.
    All rows of an event belong in one call, position 0 among them. Whether an event is new is decided by its position
    0, so that a repeat with other items never mixes with the first. `connection` is that of an open transaction.
    """
    new = await store_all(connection, [(shop_id, row) for row in rows])
    return {event_id for _, event_id in new}


async def store_all(connection: BaseDBAsyncClient, rows: Sequence[tuple[str, EventRow]]) -> set[Key]:
    """The same for rows of several shops, each with its shop's id."""
    new: set[Key] = set()
    for first, further in _chunks(rows):
        if connection.capabilities.dialect == "sqlite":
            added = await _missing_in_sqlite(connection, list(first))
            values: list[Any] = [first[key] for key in first if key in added] + _of(further, added)
            await connection.execute_many(_INSERT_SQLITE, values)
        else:
            added = await _insert_postgres(connection, list(first.values()))
            await _insert_postgres(connection, _of(further, added))
        new |= added
    return new


_Values = tuple[Any, ...]


def _chunks(rows: Sequence[tuple[str, EventRow]]) -> Iterator[tuple[dict[Key, _Values], dict[Key, list[_Values]]]]:
    """Cut into chunks of whole events: their first rows, and the rows that follow these, by key."""
    first: dict[Key, _Values] = {}
    further: dict[Key, list[_Values]] = {}
    for shop_id, row in rows:
        key = (shop_id, row.event_id)
        if row.position == 0:
            first.setdefault(key, (shop_id, *row))
        else:
            further.setdefault(key, []).append((shop_id, *row))
    keys = list(first)
    for start in range(0, len(keys), _CHUNK_ROWS):
        part = keys[start : start + _CHUNK_ROWS]
        yield {key: first[key] for key in part}, {key: further[key] for key in part if key in further}


def _of(further: dict[Key, list[_Values]], keys: set[Key]) -> list[_Values]:
    return [values for key, several in further.items() if key in keys for values in several]


async def _missing_in_sqlite(connection: BaseDBAsyncClient, keys: list[Key]) -> set[Key]:
    # an open transaction is SQLite's only writer: what is missing now is missing until it commits
    _, stored = await connection.execute_query(_STORED_SQLITE, [msgspec.json.encode(keys).decode()])
    return set(keys) - {(row[0], row[1]) for row in stored}


async def _insert_postgres(connection: BaseDBAsyncClient, values: list[_Values]) -> set[Key]:
    if not values:
        return set()
    columns = [list(column) for column in zip(*values, strict=True)]
    inserted = await connection.execute_query_dict(_INSERT_POSTGRES, columns)
    return {(row["shop_id"], row["event_id"]) for row in inserted}
