"""The snapshots of one process: loaded on first use, kept within a memory budget, swapped when a new one goes live.

`get` is on the way of every request. Messages keep what is loaded true (see `following`); a request that holds an
older snapshot finishes with it, and its memory goes with the last such request.
"""

import asyncio
import gc
import time

import structlog

from server.serving import overlay, snapshot
from server.serving.following import Following
from server.serving.live import Live
from server.serving.models import ModelVersion
from server.serving.newest import Newest
from server.serving.snapshot import BadSnapshot, Snapshot
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs
from server.storage.messages import Message

NOTHING_LIVE_S = 1.0  # how long "this shop has no snapshot" is believed without asking again
RETRY_PAUSE_S = 0.5

log = structlog.get_logger(__name__)


class Shelf:
    """Loaded snapshots by shop. Used by one event loop only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.budget_bytes = settings.snapshot_memory_mb * 1_000_000
        self._live: dict[str, Live] = {}  # least recently asked first
        self._nothing_until: dict[str, float] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._following = Following(self._live)
        self.newest = Newest()

    async def get(self, shop_id: str) -> Live | None:
        """The shop's snapshot as it is now, loaded if need be; None when the shop has none yet."""
        live = self._live.pop(shop_id, None)
        if live is not None:
            self._live[shop_id] = live
            return live
        if self._nothing_until.get(shop_id, 0.0) > time.monotonic():
            return None
        await asyncio.shield(self._load_soon(shop_id))  # one load serves all who wait, whoever goes away
        return self._live.get(shop_id)

    def loaded(self) -> list[str]:
        """The shops whose snapshot is in memory."""
        return list(self._live)

    @property
    def size_bytes(self) -> int:
        """What the loaded snapshots may take at most, every page of them touched."""
        return sum(live.size_bytes for live in self._live.values())

    async def on_message(self, message: Message) -> None:
        """Hear what changed; returns at once, the work goes on beside."""
        self._following.heard()
        if message.topic == "snapshot-activated":
            self._nothing_until.pop(message.shop_id, None)
            if message.shop_id in self._live or message.shop_id in self._loading:
                self._load_soon(message.shop_id, anew=True)
        elif message.topic == "items-changed":
            self._following.note(message.shop_id, message.items)

    async def on_connect(self) -> None:
        """Catch up after messages may have been missed: newer versions, and items changed or gone."""
        self._nothing_until.clear()
        for shop_id in list(self._live):
            self._following.note_missed(shop_id)
            self._load_soon(shop_id, anew=True)

    async def settled(self) -> None:
        """Wait until everything heard so far is loaded and laid over."""
        while tasks := [*self._loading.values(), *self._following.tasks()]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """End what goes on beside and let everything go."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._following.close()
        self._live.clear()

    def _load_soon(self, shop_id: str, *, anew: bool = False) -> "asyncio.Task[None]":
        """The task that loads the shop's live version; `anew`: one that starts after this call."""
        running = self._loading.get(shop_id)
        if running is not None and not anew:
            return running
        task = asyncio.create_task(self._load(shop_id, running))
        self._loading[shop_id] = task
        return task

    async def _load(self, shop_id: str, before: "asyncio.Task[None] | None") -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await self._load_with_patience(shop_id)
        finally:
            if self._loading.get(shop_id) is asyncio.current_task():
                del self._loading[shop_id]

    async def _load_with_patience(self, shop_id: str) -> None:
        while True:
            try:
                return await self._load_now(shop_id)
            except Exception as error:
                if shop_id not in self._live:
                    raise  # those who wait for this first load shall hear of it
                log.warning("snapshot.not_loaded", shop=shop_id, error=str(error))
                await asyncio.sleep(RETRY_PAUSE_S)

    async def _load_now(self, shop_id: str) -> None:
        shop = await Shop.get_or_none(id=shop_id)
        old = self._live.get(shop_id)
        found = await self._open_best(shop, old) if shop is not None else None
        if shop is None or found is None:
            self._live.pop(shop_id, None)
            self._nothing_until[shop_id] = time.monotonic() + NOTHING_LIVE_S
            return
        if old is not None and old.snapshot is found:
            return
        live = Live(found, generation=old.generation + 1 if old else 0)
        await overlay.catch_up(live, shop)
        self._live[shop_id] = live
        self._make_room(shop_id)
        gc.freeze()  # what was just made stays: the collector need not walk it again
        # what changed between reading and here was perhaps laid over the old snapshot only
        self._following.note(shop_id, ())
        log.info("snapshot.loaded", shop=shop_id, number=found.manifest.number, products=found.count)

    async def _open_best(self, shop: Shop, old: Live | None) -> Snapshot | None:
        """The live version, or where it cannot be read the newest one before it that can."""
        if shop.live_version_id is None:
            return None
        versions = ModelVersion.filter(shop_id=shop.id, id__lte=shop.live_version_id).order_by("-id")
        for version in await versions:
            if old is not None and old.snapshot.manifest.number == version.number:
                return old.snapshot
            if version.id != shop.live_version_id and not version.may_stand_in:
                continue
            path = blobs.path_of(self._settings, version.folder)
            try:
                return await asyncio.to_thread(snapshot.open_folder, path, shop.id)
            except BadSnapshot as error:
                log.error("snapshot.unusable", shop=shop.id, number=version.number, error=str(error))
        return None

    def _make_room(self, newest: str) -> None:
        for shop_id in list(self._live):
            if self.size_bytes <= self.budget_bytes:
                return
            if shop_id != newest:
                del self._live[shop_id]
                log.info("snapshot.let_go", shop=shop_id)
