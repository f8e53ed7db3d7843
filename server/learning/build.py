"""From a shop's items, vectors and events to a snapshot that serves: the stages in order.

Every part may be missing: a shop without events has no popularity, one that is not encoded yet no neighbours, one
without items an empty snapshot. Whatever is there is used, and serving falls back where it is not.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from server.events import histories
from server.events.histories import Histories
from server.learning import applying, asking, assortment, content, covisitation, index, neighbours, versions, wording
from server.learning.assortment import Assortment
from server.learning.keeping import UnusableModel
from server.learning.popularity import popularity
from server.learning.progress import Progress, Report, Silent, beside
from server.learning.versions import Training
from server.serving import arrays, pairs, snapshot
from server.serving.models import ModelVersion
from server.serving.nearest import Index, Nearest
from server.serving.snapshot import INDEX, Manifest
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs, database
from server.storage import redis as redis_storage

log = structlog.get_logger(__name__)
T = TypeVar("T")


async def build(
    shop: Shop,
    settings: Settings,
    run: Progress | None = None,
    *,
    trained: str | None = None,
    activate: bool = True,
    training: Training | None = None,
) -> ModelVersion:
    """Build the shop's next snapshot, make it the live one, and tell every process.

    `trained`: the blob of the trained model to put in, empty for none; left out, that of the live version. `activate`:
    False writes and records it only. `training`: the training that this snapshot is the end of.
    """
    run = run or Silent()
    async with redis_storage.connect(settings) as redis:
        while True:
            keeping = await versions.live_model(shop) if trained is None else None
            version = await _build(shop, settings, run, trained or keeping or "", training)
            # where somebody rolled back in the meantime, what they chose goes into another snapshot, not away
            if not activate or await versions.activate(shop, version, redis, keeping):
                break
    await versions.let_old_go(shop, settings)
    return version


async def _build(
    shop: Shop, settings: Settings, run: Progress, trained: str, training: Training | None
) -> ModelVersion:
    """Write and record one snapshot."""
    began = time.monotonic()
    number = await versions.next_number(shop)
    folder_name = f"{versions.SNAPSHOTS}/{shop.id}/{number}-{time.time_ns():x}"
    model = blobs.path_of(settings, trained) if trained else None
    if model is not None and not model.is_dir():
        log.error("model.files_missing", shop=shop.id, model=trained)
        model, trained = None, ""
    with blobs.new_folder(settings, folder_name) as folder:
        manifest, stack = await _write(shop, number, folder, model, run)
    log.info("snapshot.built", shop=shop.id, number=number, products=manifest.products, stack=stack)
    return await versions.record(
        shop,
        number,
        folder=folder_name,
        metrics={"products": manifest.products, "items": manifest.items, "events": manifest.events},
        stack=stack,
        trained=trained,
        seconds=time.monotonic() - began,
        training=training,
    )


async def _write(
    shop: Shop,
    number: int,
    folder: Path,
    model: Path | None,
    run: Progress,
) -> tuple[Manifest, str]:
    """Fill the folder and seal it; gives the name of its largest stage as well."""
    built_ms = time.time_ns() // 1_000_000
    total = await shop.items.all().using_db(database.reader()).count()
    await run.progress("Reading products", 0, total, "items")
    products = await assortment.read(shop, folder, lambda done: run.progress("Reading products", done, total, "items"))
    past = await _read_events(shop, products, run)
    await _learn_from_events(past, products, folder, run)
    encoded = await content.load_vectors(shop, products.group_ids)
    asked = await asyncio.to_thread(asking.write, folder, encoded.text, encoded.has_text, encoded.vectors)
    vectors, images, text_encoder = encoded.vectors, encoded.image, encoded.text_encoder if asked else ""
    del encoded  # as large as all vectors again
    facts = await _learn_from_content(shop, vectors, folder, run)
    stack = "co-visitation" if len(past) else "content" if vectors.size else "newest"
    if model is not None and len(products):
        stack = await _apply(shop, model, products, past, vectors, images, folder, run) or stack
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
    return await asyncio.to_thread(snapshot.seal, folder, manifest), stack


async def _apply(
    shop: Shop,
    model: Path,
    products: Assortment,
    past: Histories,
    vectors: NDArray[np.float32],
    images: NDArray[np.float32],
    folder: Path,
    run: Progress,
) -> str:
    """Put the trained model in; gives its stack, or "" where it cannot be used: the shop is served without it."""
    texts = await wording.wordings(shop, products.group_ids)
    exposure = shop.choices.new_items_share
    work = partial(applying.apply, folder, model, products.group_ids, texts, vectors, past, exposure, images)
    try:
        return await beside(run, "Applying the trained model", lambda _: work())
    except UnusableModel as error:
        log.error("model.unusable", shop=shop.id, error=str(error))
        return ""


async def _read_events(shop: Shop, products: Assortment, run: Progress) -> Histories:
    total = await shop.events.all().using_db(database.reader()).count()
    await run.progress("Reading events", 0, total, "events")
    return await histories.load(shop, products.row, lambda done: run.progress("Reading events", done, total, "events"))


async def _learn_from_events(past: Histories, products: Assortment, folder: Path, run: Progress) -> None:
    count = len(products)
    for name, learn in (("bought", covisitation.bought), ("viewed", covisitation.viewed)):
        stage = "Learning from events"
        work = partial(_reporting, stage, count, partial(learn, past, count))
        lists = await beside(run, stage, work, count, "products")
        pairs.write(folder, name, lists)
    await asyncio.to_thread(products.finish, popularity(past, count))


async def _learn_from_content(shop: Shop, vectors: NDArray[np.float32], folder: Path, run: Progress) -> Index | None:
    """Index and neighbours of the products' vectors (n, d)."""
    arrays.write(folder, "vectors", vectors)
    await run.progress("Indexing")
    facts = await asyncio.to_thread(index.build, folder, vectors, shop.choices.index)
    nearest = Nearest.open(folder / INDEX, facts) if facts else None
    find = partial(neighbours.neighbours, vectors, nearest)
    stage = "Finding similar products"
    work = partial(_reporting, stage, len(vectors), find)
    pairs.write(folder, "similar", await beside(run, stage, work, len(vectors), "products"))
    return facts


def _reporting(stage: str, total: int, learn: Callable[[Callable[[int], None]], T], report: Report) -> T:
    """Learn, with each report of how much is done as one of this stage."""
    return learn(lambda done: report(stage, done, total))
