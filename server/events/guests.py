"""Guests who became known: what was kept under a browser's own id belongs to the shopper who it turned out to be.

The widget's events tell both ids from the moment on at which a page says who is looking. Whoever reads the publishable
key can claim the same, so a page is believed only for an id of the widget's making, 128 random bits that nobody knows
but the browser itself; only that it was given up, never that somebody else's past goes to it; and only once.
"""

import asyncio
import re
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import structlog
from redis.asyncio import Redis

from server.events import shoppers
from server.events.erasures import Erasures
from server.events.recents import Recents
from server.shops.models import Shop

_GUEST = re.compile("guest-[0-9a-f]{32}")
_PAUSE_S = 0.02  # between two joins: each keeps the shop's other events waiting for a moment
_AGAIN_S = 60.0  # another tab may have sent something under the old id meanwhile
_MOST_WAITING, _MOST_KNOWN = 1_000, 10_000  # who is left out comes with the browser's next event

log = structlog.get_logger(__name__)


def is_guest(shopper_id: str) -> bool:
    """Whether this is an id that the widget has made for a browser."""
    return _GUEST.fullmatch(shopper_id) is not None


class Guest(NamedTuple):
    """A guest of a shop, by the browser's own id."""

    shop_id: str
    anonymous_id: str


class Guests:
    """Joins guests to shoppers, one after the other beside everything else. One per process."""

    def __init__(self, redis: "Redis", recents: Recents, erasures: Erasures) -> None:
        self._parts = redis, recents, erasures
        self._waiting: dict[Guest, str] = {}
        self._joined_at: dict[tuple[Guest, str], float] = {}
        self._joining: asyncio.Task[None] | None = None

    def note(self, shop_id: str, events: Sequence[Any], rejected: Collection[int]) -> None:
        """Hear of the events of one request, but those `rejected` (positions): one browser's, so of one guest."""
        pairs = (_pair_of(shop_id, event) for at, event in enumerate(events) if at not in rejected)
        pair = next(filter(None, pairs), None)
        if pair is None or time.monotonic() - self._joined_at.get(pair, -_AGAIN_S) < _AGAIN_S:
            return
        if len(self._waiting) < _MOST_WAITING:
            self._waiting[pair[0]] = pair[1]
        if self._joining is None or self._joining.done():
            self._joining = asyncio.create_task(self._join_all(), name="guests")

    async def settled(self) -> None:
        """Wait until everybody who was heard of is joined."""
        if self._joining is not None:
            await asyncio.wait([self._joining])

    async def stop(self) -> None:
        """Finish the join at hand. Who still waits is heard of again with their browser's next event."""
        self._waiting.clear()
        await self.settled()

    async def _join_all(self) -> None:
        while self._waiting:
            guest = next(iter(self._waiting))  # first come, first served: a flood of claims makes others wait, no more
            shopper_id = self._waiting.pop(guest)
            try:
                await self._join(guest, shopper_id)
            except Exception:
                log.exception("guest.not_joined", shop=guest.shop_id)  # the browser's next event brings it up again
            await asyncio.sleep(_PAUSE_S)

    async def _join(self, guest: Guest, shopper_id: str) -> None:
        shop = await Shop.get_or_none(id=guest.shop_id)
        if shop is None:
            return
        moved = await shoppers.merge(shop, guest.anonymous_id, shopper_id, *self._parts, once=True)
        if len(self._joined_at) >= _MOST_KNOWN:
            self._joined_at.clear()
        self._joined_at[guest, shopper_id] = time.monotonic()
        if moved:
            log.info("guest.joined", shop=shop.id, events=moved)


def _pair_of(shop_id: str, event: Any) -> tuple[Guest, str] | None:
    """The guest that an event tells of, and who it was."""
    anonymous_id, shopper_id = event.get("anonymous_id"), event.get("shopper_id")
    if not isinstance(anonymous_id, str) or not is_guest(anonymous_id):
        return None
    known = str(shopper_id or "")  # numbers are taken for ids, too
    return (Guest(shop_id, anonymous_id), known) if known and not is_guest(known) else None
