"""Whom a shop erased, remembered without their names: so that a file of past events, or a page that was offline, does
not bring them back.

A mark is a keyed hash of a shop and an id; who has the database alone cannot try ids. Who comes back after the erasure
begins anew. Everything here takes the connection of an open transaction.
"""

import hmac
import time
from collections.abc import Iterator, Sequence

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

from server.events.models import Erasure, Merger
from server.events.recents import Identity
from server.events.store import EventRow, Key
from server.settings import Settings
from server.shops.tenancy import ACROSS_SHOPS
from server.storage.secret import Secret

_AT_ONCE = 500  # a query has no room for any number of values
_LOCK_POSTGRES = "SELECT id FROM shops WHERE id = ANY($1) ORDER BY id FOR KEY SHARE"
_SINCE_POSTGRES = "SELECT DISTINCT shop_id FROM erasures WHERE shop_id = ANY($1) AND erased_ms >= $2"
_SINCE_SQLITE = """
    SELECT DISTINCT shop_id FROM erasures WHERE shop_id IN (SELECT value FROM json_each(?)) AND erased_ms >= ?
"""


class Erasures:
    """Makes marks and looks for them. One per process; the key is the installation's."""

    def __init__(self, settings: Settings) -> None:
        self._key = Secret(settings).key("erasures")

    def mark_of(self, identity: Identity) -> str:
        """The mark of a shopper or a session of a shop, 64 hexadecimal digits."""
        text = msgspec.json.encode(identity)  # JSON, so that no two identities are one text
        return hmac.digest(self._key, text, "sha256").hex()

    async def note(self, connection: BaseDBAsyncClient, shop_id: str, identities: Sequence[Identity]) -> None:
        """Write down that these are erased as of now, and with them the ids that were given up for theirs."""
        marks = await self._with_given_up(connection, shop_id, [self.mark_of(identity) for identity in identities])
        now_ms = time.time_ns() // 1_000_000
        rows = [Erasure(mark=mark, shop_id=shop_id, erased_ms=now_ms) for mark in marks]
        await Erasure.bulk_create(
            rows, _AT_ONCE, update_fields=["erased_ms"], on_conflict=["mark"], using_db=connection
        )
        for some in _parts(list(marks)):
            await Merger.filter(shop_id=shop_id, mark__in=some).using_db(connection).delete()

    async def note_merger(self, connection: BaseDBAsyncClient, given_up: Identity, into: Identity) -> None:
        """Write down that an id was given up for another, whose erasure is then that of both."""
        row = Merger(mark=self.mark_of(given_up), shop_id=given_up.shop_id, into_mark=self.mark_of(into))
        await Merger.bulk_create([row], update_fields=["into_mark"], on_conflict=["mark"], using_db=connection)

    async def is_given_up_for_another(self, connection: BaseDBAsyncClient, given_up: Identity, into: Identity) -> bool:
        """Whether an id was given up before, and not for `into`."""
        mergers = Merger.filter(shop_id=given_up.shop_id, mark=self.mark_of(given_up))
        merger = await mergers.using_db(connection).first()
        return merger is not None and merger.into_mark != self.mark_of(into)

    async def left_out(self, connection: BaseDBAsyncClient, rows: Sequence[tuple[str, EventRow]]) -> set[Key]:
        """The events among these rows, each with its shop's id, that happened before their shopper was erased.

        No shopper of these shops is erased from here to the end of the transaction. Where nobody was erased since the
        oldest of the events, as with nearly all that come from pages, this is one look at an index.
        """
        shops = await _erased_since(connection, {shop_id for shop_id, _ in rows}, min(row.time_ms for _, row in rows))
        told: dict[str, list[tuple[Key, int]]] = {}
        for shop_id, row in rows if shops else ():
            identity = _speaker(shop_id, row) if shop_id in shops else None
            if identity:
                told.setdefault(self.mark_of(identity), []).append(((shop_id, row.event_id), row.time_ms))
        left_out: set[Key] = set()
        for marks in _parts(list(told)):
            for erasure in await Erasure.filter(ACROSS_SHOPS, mark__in=marks).using_db(connection):
                left_out |= {key for key, time_ms in told[erasure.mark] if time_ms <= erasure.erased_ms}
        return left_out

    async def _with_given_up(self, connection: BaseDBAsyncClient, shop_id: str, marks: Sequence[str]) -> set[str]:
        found: set[str] = set()
        new = set(marks)
        while new:
            found |= new
            given_up: set[str] = set()
            for some in _parts(list(new)):
                mergers = Merger.filter(shop_id=shop_id, into_mark__in=some).using_db(connection)
                given_up |= {merger.mark for merger in await mergers}
            new = given_up - found
        return found


async def keep_events_out(connection: BaseDBAsyncClient, shop_id: str) -> None:
    """Until the transaction ends, no event is stored in this shop; those that are being stored are awaited."""
    if connection.capabilities.dialect != "sqlite":  # where a transaction is the only writer anyhow
        # whoever stores an event shares a lock on its shop's row, by the foreign key at the latest
        await connection.execute_query("SELECT id FROM shops WHERE id = $1 FOR UPDATE", [shop_id])


async def _erased_since(connection: BaseDBAsyncClient, shop_ids: set[str], time_ms: int) -> set[str]:
    """Those of these shops that erased anybody since."""
    if connection.capabilities.dialect == "sqlite":
        values = [msgspec.json.encode(sorted(shop_ids)).decode(), time_ms]
        _, rows = await connection.execute_query(_SINCE_SQLITE, values)
    else:
        # a statement of its own: what the next one sees is what was there when it began
        await connection.execute_query(_LOCK_POSTGRES, [sorted(shop_ids)])
        _, rows = await connection.execute_query(_SINCE_POSTGRES, [sorted(shop_ids), time_ms])
    return {row["shop_id"] for row in rows}


def _speaker(shop_id: str, row: EventRow) -> Identity | None:
    """Whose event it is: a shopper's, or that of a visit without a name."""
    if row.shopper_id:
        return Identity(shop_id, "shopper_id", row.shopper_id)
    return Identity(shop_id, "session_id", row.session_id) if row.session_id else None


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
