"""Takes events in: checks each on its own, and commits those of many requests together.

One task per process writes. While a commit runs, what comes in gathers; the next commit takes all of it. There is no
timer: a lone request is committed at once, and the busier the server, the more requests share a commit. A request is
answered after its commit, and after the recent items of its shoppers were told.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from tortoise.exceptions import IntegrityError, OperationalError

from server.events.erasures import Erasures
from server.events.fields import Refused, rows_of
from server.events.guests import Guests
from server.events.recents import Recents
from server.events.store import EventRow, Key, store_all
from server.settings import Settings
from server.storage import database

log = structlog.get_logger(__name__)

MOST_EVENTS = 1_000
_MOST_ROWS_WAITING = 50_000  # some seconds of writing; more would only be answered after its sender gave up
_MOST_ROWS_TOGETHER = 5_000  # about 0.1 s of writing: longer commits make everyone wait for no gain
_POISON = (IntegrityError, ValueError, TypeError, OverflowError, sqlite3.DataError, sqlite3.IntegrityError)


class Unavailable(Exception):  # noqa: N818
    """Events cannot be taken right now; nothing of the request was kept."""


class Rejection(msgspec.Struct, frozen=True):
    """Why one event was not taken. `pointer`: JSON pointer (RFC 6901) into the request."""

    index: int
    pointer: str
    detail: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of the events of one request. `accepted` are committed; `duplicates` were known before.

    Events from before their shopper was erased, which are not kept, count as duplicates too.
    """

    accepted: int
    duplicates: int
    rejected: list[Rejection]


class _Waiting(msgspec.Struct, eq=False):
    """The events of one request until they are committed. `committed` gets the number of those that were new."""

    rows: dict[Key, list[EventRow]]
    n_rows: int
    committed: "asyncio.Future[int]"


class Ingest:
    """The way in for live events of one process. `start` before the first `accept`, `stop` commits what waits."""

    def __init__(self, settings: Settings, redis: "Redis", recents: Recents | None = None) -> None:
        self.settings = settings
        self.recents = recents or Recents(redis)
        self._erasures = Erasures(settings)
        self.guests = Guests(redis, self.recents, self._erasures)
        self._waiting: deque[_Waiting] = deque()
        self._rows_waiting = 0
        self._came_in = asyncio.Event()
        self._stopping = False
        self._writer: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to write."""
        self._stopping = False
        self._writer = asyncio.create_task(self._write(), name="ingest")

    async def stop(self) -> None:
        """Commit and answer what is waiting, then end. New events are refused from now on."""
        self._stopping = True
        self._came_in.set()
        if self._writer is not None:
            await self._writer
        while self._telling:
            await asyncio.wait(self._telling)
        await self.guests.stop()
        await self.recents.close()

    async def accept(self, shop_id: str, events: Sequence[Any], *, trusted: bool, source: int | None = None) -> Outcome:
        """Check and commit the events of one request; returns when they are safe.

        `trusted`: they came with a secret key. `source`: for others a mark of the sender, see `Event.source`. Raises
        `Unavailable` where the database is away or too much is waiting.
        """
        rows, n_good, rejected = _sorted_out(shop_id, events, trusted=trusted, source=source)
        if not rows:
            return Outcome(0, 0, rejected)
        n_rows = sum(map(len, rows.values()))
        if self._stopping or self._writer is None or self._writer.done():
            raise Unavailable("This server is stopping")
        if self._waiting and self._rows_waiting + n_rows > _MOST_ROWS_WAITING:
            raise Unavailable("Too many events are waiting to be stored")
        waiting = _Waiting(rows, n_rows, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._rows_waiting += n_rows
        self._came_in.set()
        n_new = await waiting.committed
        self.guests.note(shop_id, events, {rejection.index for rejection in rejected})
        return Outcome(n_new, n_good - n_new, rejected)

    async def _write(self) -> None:
        while True:
            if not self._waiting:
                if self._stopping:
                    return
                self._came_in.clear()
                await self._came_in.wait()
                continue
            group = self._next_group()
            try:
                await self._commit(group)
            except Exception as error:
                await self._after_failure(group, error)

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        n_rows = 0
        while self._waiting and (not group or n_rows + self._waiting[0].n_rows <= _MOST_ROWS_TOGETHER):
            group.append(self._waiting.popleft())
            n_rows += group[-1].n_rows
        self._rows_waiting -= n_rows
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        owners: dict[Key, _Waiting] = {}
        for waiting in group:
            for key in waiting.rows:
                owners.setdefault(key, waiting)  # the same event in two requests: the second one is the duplicate
        rows = [(key[0], row) for key, owner in owners.items() for row in owner.rows[key]]
        async with database.transaction() as connection:
            left_out = await self._erasures.left_out(connection, rows)
            if left_out:
                rows = [(shop_id, row) for shop_id, row in rows if (shop_id, row.event_id) not in left_out]
            new = await store_all(connection, rows)
        # the next commit need not wait for Redis
        telling = asyncio.create_task(self._tell(group, owners, new), name="ingest-telling")
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell(self, group: list[_Waiting], owners: dict[Key, _Waiting], new: set[Key]) -> None:
        try:
            await self.recents.remember((key[0], row) for key in owners if key in new for row in owners[key].rows[key])
        except Exception:
            log.exception("ingest.recents_failed")  # the events are safe all the same
        for waiting in group:
            if not waiting.committed.done():  # done: the caller has gone away
                waiting.committed.set_result(sum(key in new and owners[key] is waiting for key in waiting.rows))

    async def _after_failure(self, group: list[_Waiting], error: Exception) -> None:
        """One request that the database refuses must not cost its neighbours theirs: so each on its own."""
        if _is_away(error) or len(group) == 1:
            log.error("ingest.not_committed", requests=len(group), error=f"{type(error).__name__}: {error}")
            for waiting in group:
                if not waiting.committed.done():
                    known = Unavailable("The database does not answer right now") if _is_away(error) else error
                    waiting.committed.set_exception(known)
            return
        for waiting in group:
            try:
                await self._commit([waiting])
            except Exception as own_error:
                await self._after_failure([waiting], own_error)


def _sorted_out(
    shop_id: str, events: Sequence[Any], *, trusted: bool, source: int | None
) -> tuple[dict[Key, list[EventRow]], int, list[Rejection]]:
    """The rows of the good events by key (repeats within the request only once), how many are good, and the others."""
    now_ms = time.time_ns() // 1_000_000
    rows: dict[Key, list[EventRow]] = {}
    rejected: list[Rejection] = []
    for index, event in enumerate(events):
        try:
            event_rows = rows_of(event, now_ms, trusted=trusted, source=source)
        except Refused as refused:
            rejected.append(Rejection(index, f"/events/{index}{refused.pointer}", refused.detail))
        else:
            rows.setdefault((shop_id, event_rows[0].event_id), event_rows)
    return rows, len(events) - len(rejected), rejected


def _is_away(error: Exception) -> bool:
    """Whether the database is out of reach, rather than refusing these rows.

    Tortoise's OperationalError means on SQLite that the file is locked, full or gone; on PostgreSQL that a value does
    not fit.
    """
    if isinstance(error, _POISON):
        return False
    return database.is_sqlite() or not isinstance(error, OperationalError)
