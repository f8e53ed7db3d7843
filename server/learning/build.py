"""From a shop's items, vectors and events to a snapshot that serves: the stages in order.

Every part may be missing: a shop without events has no popularity, one that is not encoded yet no neighbours, one
without items an empty snapshot. Whatever is there is used, and serving falls back where it is not.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from server.events import histories
from server.events.histories import Histories
from server.learning import asking, assortment, content, covisitation, index, neighbours
from server.learning.assortment import Assortment
from server.learning.popularity import popularity
from server.serving import arrays, pairs, snapshot
from server.serving.models import ModelVersion
from server.serving.nearest import Nearest
from server.serving.snapshot import INDEX, Index, Manifest
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs, database, messages
from server.storage import redis as redis_storage
from server.storage.messages import Message

KEPT_VERSIONS = 3
_REPORT_EVERY_S = 0.2
_ABANDONED_S = 86_400  # longer than any build runs

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Progress(Protocol):
    """Who wants to know how far it is; a running task."""

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """`done` of `total` units of a stage; raises when the work is no longer wanted."""


class Silent:
    """Nobody wants to know."""

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """Do nothing."""


async def build(shop: Shop, settings: Settings, run: Progress | None = None) -> ModelVersion:
    """Build the shop's next snapshot, make it the live one, and tell every process."""
    run = run or Silent()
    number = await _next_number(shop)
    folder_name = f"snapshots/{shop.id}/{number}-{time.time_ns():x}"
    with blobs.new_folder(settings, folder_name) as folder:
        manifest = await _write(shop, number, folder, run)
    version = await _activate(shop, manifest, folder_name)
    await _tell(settings, shop)
    await _remove_old(shop, settings)
    log.info("snapshot.built", shop=shop.id, number=version.number, products=manifest.products, events=manifest.events)
    return version


async def _write(shop: Shop, number: int, folder: Path, run: Progress) -> Manifest:
    """Fill the folder and seal it."""
    built_ms = time.time_ns() // 1_000_000
    total = await shop.items.all().using_db(database.reader()).count()
    await run.progress("Reading products", 0, total, "items")
    products = await assortment.read(shop, folder, lambda done: run.progress("Reading products", done, total, "items"))
    past = await _read_events(shop, products, run)
    await _learn_from_events(past, products, folder, run)
    encoded = await content.load_vectors(shop, products.group_ids)
    asked = await asyncio.to_thread(asking.write, folder, encoded.text, encoded.has_text, encoded.vectors)
    vectors, text_encoder = encoded.vectors, encoded.text_encoder if asked else ""
    del encoded  # as large as all vectors again
    facts = await _learn_from_content(shop, vectors, folder, run)
    await run.progress("Writing the snapshot")
    manifest = Manifest(
        shop_id=shop.id,
        number=number,
        products=len(products),
        items=products.items,
        last_item_id=products.last_item_id,
        built_ms=built_ms,
        events=len(past),
        newest_event_ms=past.newest_ms,
        dimensions=vectors.shape[1],
        index=facts,
        text_encoder=text_encoder,
    )
    return await asyncio.to_thread(snapshot.seal, folder, manifest)


async def _read_events(shop: Shop, products: Assortment, run: Progress) -> Histories:
    total = await shop.events.all().using_db(database.reader()).count()
    await run.progress("Reading events", 0, total, "events")
    return await histories.load(shop, products.row, lambda done: run.progress("Reading events", done, total, "events"))


async def _learn_from_events(past: Histories, products: Assortment, folder: Path, run: Progress) -> None:
    count = len(products)
    for name, learn in (("bought", covisitation.bought), ("viewed", covisitation.viewed)):
        lists = await _beside(run, "Learning from events", count, partial(learn, past, count))
        pairs.write(folder, name, lists)
    await asyncio.to_thread(products.finish, popularity(past, count))


async def _learn_from_content(shop: Shop, vectors: NDArray[np.float32], folder: Path, run: Progress) -> Index | None:
    """Index and neighbours of the products' vectors (n, d)."""
    arrays.write(folder, "vectors", vectors)
    await run.progress("Indexing")
    facts = await asyncio.to_thread(index.build, folder, vectors, shop.settings.get("index", "auto"))
    nearest = Nearest(folder / INDEX, facts.kind, facts.effort) if facts else None
    find = partial(neighbours.neighbours, vectors, nearest)
    pairs.write(folder, "similar", await _beside(run, "Finding similar products", len(vectors), find))
    return facts


async def _beside(run: Progress, stage: str, total: int, work: Callable[[Callable[[int], None]], T]) -> T:
    """Do heavy work in a thread while this one stays able to tell the progress and to be cancelled."""
    done = 0

    def note(count: int) -> None:
        nonlocal done
        done = count

    await run.progress(stage, 0, total, "products")
    working = asyncio.ensure_future(asyncio.to_thread(work, note))
    while not (await asyncio.wait([working], timeout=_REPORT_EVERY_S))[0]:
        await run.progress(stage, done, total, "products")
    return await working


async def _next_number(shop: Shop) -> int:
    newest = await ModelVersion.filter(shop_id=shop.id).order_by("-number").first()
    return newest.number + 1 if newest else 1


async def _activate(shop: Shop, manifest: Manifest, folder_name: str) -> ModelVersion:
    metrics = {"products": manifest.products, "items": manifest.items, "events": manifest.events}
    async with database.transaction() as connection:
        version = await ModelVersion.create(
            shop_id=shop.id, number=manifest.number, folder=folder_name, metrics=metrics, using_db=connection
        )
        await Shop.filter(id=shop.id).using_db(connection).update(live_version_id=version.id)
    shop.live_version_id = version.id
    return version


async def _tell(settings: Settings, shop: Shop) -> None:
    async with redis_storage.connect(settings) as redis:
        await messages.publish(redis, Message("snapshot-activated", shop.id))


async def _remove_old(shop: Shop, settings: Settings) -> None:
    """Remove versions that are neither live nor among the newest, and folders that a killed build left behind."""
    versions = await ModelVersion.filter(shop_id=shop.id).order_by("-number")
    for version in versions[KEPT_VERSIONS:]:
        if version.id != shop.live_version_id:
            await version.delete()
            blobs.remove(settings, version.folder)
    named = {version.folder for version in await ModelVersion.filter(shop_id=shop.id)}
    for path in blobs.path_of(settings, f"snapshots/{shop.id}").iterdir():
        name = f"snapshots/{shop.id}/{path.name}"
        if name not in named and time.time() - path.stat().st_mtime > _ABANDONED_S:
            blobs.remove(settings, name)
