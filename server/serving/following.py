"""Follows the changes of the shops that are loaded: gathers what messages name, reads it again, lays it over.

Many messages in a burst become few reads; a read that fails is tried again until it succeeds.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

import structlog

from server.serving import overlay
from server.serving.live import Live
from server.shops.models import Shop

_RETRY_PAUSE_S = 0.5
_ANY = ""  # stands for "some items, unknown which"; no item has an empty id

log = structlog.get_logger(__name__)


class Following:
    """The changes yet to be read, by shop. `live` is the shelf's own mapping."""

    def __init__(self, live: Mapping[str, Live]) -> None:
        self._live = live
        self._changed: dict[str, set[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._heard_ms = _now_ms()

    def heard(self) -> None:
        """A message came: the connection stood until now."""
        self._heard_ms = _now_ms()

    def note(self, shop_id: str, item_ids: Iterable[str]) -> None:
        """These items of a shop changed; none named: any of them."""
        if shop_id not in self._live:
            return
        self._changed.setdefault(shop_id, set()).update(item_ids or (_ANY,))
        if shop_id not in self._tasks:
            self._tasks[shop_id] = asyncio.create_task(self._follow(shop_id))

    def note_missed(self, shop_id: str) -> None:
        """Messages about a shop may have been missed since the last one that was heard."""
        live = self._live[shop_id]
        live.true_ms = max(live.true_ms, self._heard_ms)
        self.note(shop_id, ())

    def tasks(self) -> "list[asyncio.Task[None]]":
        """What is being read right now."""
        return list(self._tasks.values())

    async def close(self) -> None:
        """Stop following."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, shop_id: str) -> None:
        try:
            while changed := self._changed.pop(shop_id, None):
                live = self._live.get(shop_id)
                if live is None:
                    return
                try:
                    await self._read_again(live, shop_id, changed)
                except Exception as error:
                    # the database may be away for a moment: the change must not be forgotten
                    log.warning("items.not_followed", shop=shop_id, error=str(error))
                    self._changed.setdefault(shop_id, set()).update(changed)
                    await asyncio.sleep(_RETRY_PAUSE_S)
        finally:
            del self._tasks[shop_id]

    async def _read_again(self, live: Live, shop_id: str, changed: set[str]) -> None:
        shop = await Shop.get_or_none(id=shop_id)
        if shop is None:
            return
        named = changed - {_ANY}
        if named:
            await overlay.refresh(live, shop, list(named))
        if _ANY in changed:
            await overlay.catch_up(live, shop)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
