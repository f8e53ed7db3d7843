"""What is kept of one shopper: told, erased, or joined to what is kept of another, in the database and in Redis."""

import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from redis.asyncio import Redis
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.queryset import QuerySet

from server.events.erasures import Erasures, keep_events_out
from server.events.models import Event
from server.events.recents import FAILURES, Identity, Recents
from server.shops.models import Shop
from server.storage import database

_RENEWED_FOR_MS = 10 * 60 * 1000  # longer than any reader takes that began before
_AT_ONCE = 500  # a query has no room for any number of values


def events_of(shop: Shop, shopper_id: str) -> "QuerySet[Event]":
    """All that is stored of a shopper, by name."""
    return Event.filter(shop_id=shop.id, shopper_id=shopper_id)


async def erase(shop: Shop, shopper_id: str, redis: "Redis", recents: Recents, erasures: Erasures) -> int:
    """Erase a shopper everywhere; gives the number of rows that are gone.

    What their visits did before they gave a name goes with them. Models know no shopper; the next training learns
    without these events. Events from before this moment that come later are not stored, also where nothing was kept
    of the shopper now.
    """
    async with database.transaction() as connection:
        await keep_events_out(connection, shop.id)
        sessions = await _sessions_of(shop, shopper_id, connection)
        erased = await events_of(shop, shopper_id).using_db(connection).delete()
        for some in _parts(sessions):
            nameless = Event.filter(shop_id=shop.id, shopper_id=None, session_id__in=some)
            erased += await nameless.using_db(connection).delete()
        identities = [Identity(shop.id, "shopper_id", shopper_id)]
        identities += [Identity(shop.id, "session_id", session) for session in sessions]
        await erasures.note(connection, shop.id, identities)
    await database.after_commit(partial(_renew, shop, identities, redis, recents))
    return erased


async def merge(
    shop: Shop,
    from_id: str,
    into_id: str,
    redis: "Redis",
    recents: Recents,
    erasures: Erasures,
    *,
    once: bool = False,
) -> int:
    """Make one shopper of two: what was kept under `from_id` belongs to `into_id` now. Gives the number of rows.

    `once`: not if `from_id` was given up for another shopper before.
    """
    identities = [Identity(shop.id, "shopper_id", shopper_id) for shopper_id in (from_id, into_id)]
    async with database.transaction() as connection:
        await keep_events_out(connection, shop.id)
        if once and await erasures.is_given_up_for_another(connection, *identities):
            return 0
        moved = await events_of(shop, from_id).using_db(connection).update(shopper_id=into_id)
        await erasures.note_merger(connection, *identities)
    if moved:
        await database.after_commit(partial(_renew, shop, identities, redis, recents))
    return moved


async def erase_older_than(shop: Shop, time_ms: int) -> int:
    """Erase all events of a shop that happened before `time_ms`; gives the number of rows."""
    erased = 0
    while True:
        old = Event.filter(shop_id=shop.id, time_ms__lt=time_ms).using_db(database.reader()).limit(_AT_ONCE * 10)
        numbers: list[Any] = list(await old.values_list("id", flat=True))
        if not numbers:
            return erased
        async with database.transaction() as connection:  # short ones: others want to write too
            for some in _parts(numbers):
                erased += await Event.filter(shop_id=shop.id, id__in=some).using_db(connection).delete()


async def _sessions_of(shop: Shop, shopper_id: str, connection: BaseDBAsyncClient) -> list[str]:
    rows = events_of(shop, shopper_id).exclude(session_id=None).using_db(connection)
    found: list[Any] = list(await rows.distinct().values_list("session_id", flat=True))
    return found


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


async def _renew(shop: Shop, identities: Sequence[Identity], redis: "Redis", recents: Recents) -> None:
    """Have recent items built anew from the database. A reader that read the old rows cannot put them back: what is
    stored has changed since.
    """
    try:
        async with redis.pipeline(transaction=False) as pipeline:
            for identity in identities:
                pipeline.set(identity.key, b"p" + secrets.token_hex(8).encode() + b"\n", px=_RENEWED_FOR_MS)
            await pipeline.execute()
    except FAILURES:
        await recents.forget(shop.id)  # which is done as soon as Redis is back
