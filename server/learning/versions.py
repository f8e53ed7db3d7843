"""The versions of a shop's model: numbered, recorded with their verdict, one of them live, old ones let go.

A version is a row and a snapshot's folder; a training's has a trained model's folder too, which later builds put into
their snapshots. Rows are changed under a lock on the shop, so that nothing goes live whose files are being removed.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from tortoise.backends.base.client import BaseDBAsyncClient

from server.serving import snapshot
from server.serving.models import ModelVersion
from server.serving.snapshot import BadSnapshot
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs, database, messages
from server.storage.messages import Message

KEPT_BUILDS = 3
KEPT_TRAININGS = 5
SNAPSHOTS, MODELS = "snapshots", "models"  # the folders of blobs; each holds one folder per shop
_ABANDONED_S = 86_400  # longer than any build or training runs

log = structlog.get_logger(__name__)


class Training(msgspec.Struct, frozen=True):
    """What a training says of the version made of it.

    `verdict`, as `GET /v1/models` shows it: `accepted`, `reason` (plain words), `figures` (by model and measure),
    `comparisons`, `seed`, `events`, `cases`.
    """

    verdict: dict[str, Any]
    seconds: float  # until the building of the snapshot began


class FilesGone(Exception):  # noqa: N818 - reads as what happened
    """The version cannot serve: its files were let go or are damaged; the message says which, and what to do."""


async def next_number(shop: Shop) -> int:
    """The number of the shop's next version."""
    newest = await ModelVersion.filter(shop_id=shop.id).order_by("-number").first()
    return newest.number + 1 if newest else 1


async def live(shop: Shop) -> ModelVersion | None:
    """The version that serves now, whatever `shop` says: it may have been read long ago."""
    return await _live(shop, database.writer())


async def live_model(shop: Shop) -> str:
    """The trained model's blob in the version that serves now; empty for none."""
    version = await live(shop)
    return version.trained if version else ""


async def record(
    shop: Shop,
    number: int,
    *,
    metrics: dict[str, Any],
    folder: str = "",
    trained: str = "",
    stack: str = "",
    seconds: float = 0.0,
    training: Training | None = None,
) -> ModelVersion:
    """Write down a version, which is not live yet. A training that made no snapshot leaves `folder` empty."""
    return await ModelVersion.create(
        shop_id=shop.id,
        number=number,
        folder=folder,
        metrics=metrics,
        kind="training" if training else "build",
        stack=stack,
        trained=trained,
        verdict=training.verdict if training else None,
        seconds=round(seconds + (training.seconds if training else 0.0), 3),
    )


async def activate(shop: Shop, version: ModelVersion, redis: "Redis", keeping: str | None = None) -> bool:
    """Make the version the live one and tell every process.

    `keeping`: only where the live version still serves this trained model; gives False, and changes nothing, where
    somebody activated another in the meantime.

    Raises:
        FilesGone: its files were let go.

    """
    async with database.transaction() as connection:
        await _lock(shop, connection)
        before = await _live(shop, connection)
        if keeping is not None and (before.trained if before else "") != keeping:
            return False
        kept = ModelVersion.filter(id=version.id, shop_id=shop.id).exclude(folder="").using_db(connection)
        if not await kept.exists():
            raise FilesGone(_why_gone(version))
        await Shop.filter(id=shop.id).using_db(connection).update(live_version_id=version.id)
    shop.live_version_id = version.id
    await messages.publish(redis, Message("snapshot-activated", shop.id))
    log.info("model.activated", shop=shop.id, number=version.number, before=before.number if before else None)
    return True


async def require_files(shop: Shop, version: ModelVersion, settings: Settings) -> None:
    """Make sure that the version's snapshot can be opened.

    Raises:
        FilesGone: its files are missing, damaged, or of a format that this code does not read.

    """
    if not version.folder:
        return  # `activate` tells of it
    try:
        path = blobs.path_of(settings, version.folder)
        await asyncio.to_thread(snapshot.open_folder, path, shop.id)
    except BadSnapshot as error:
        log.warning("snapshot.unusable", shop=shop.id, number=version.number, error=str(error))
        raise FilesGone(
            f"The files of m_{version.number} are missing, damaged or of an older format. Activate another version, or "
            "start the task `reindex`, which writes the live one anew."
        ) from error


async def is_outdated(shop: Shop, settings: Settings) -> bool:
    """Whether the shop's live snapshot is of a format that this version of Vitrina does not read."""
    live = await ModelVersion.get_or_none(id=shop.live_version_id, shop_id=shop.id, using_db=database.reader())
    if live is None or not live.folder:
        return False
    return not await asyncio.to_thread(snapshot.is_readable, blobs.path_of(settings, live.folder))


async def let_old_go(shop: Shop, settings: Settings) -> None:
    """Let go of what is neither live nor among the newest: builds whole, of trainings the files but not the verdict.

    Folders that a killed build or training left behind go after a day.
    """
    async with database.transaction() as connection:
        await _lock(shop, connection)
        rows = await ModelVersion.filter(shop_id=shop.id).using_db(connection).order_by("-number")
        serving = await _live(shop, connection)
        old = _superseded(rows, serving.id if serving else None)
        freed = {name for version in old for name in (version.folder, version.trained)}
        for version in old:
            row = ModelVersion.filter(shop_id=shop.id, id=version.id).using_db(connection)
            await (row.update(folder="", trained="") if version.kind == "training" else row.delete())
        kept = await ModelVersion.filter(shop_id=shop.id).using_db(connection).values_list("folder", "trained")
    named = {name for names in kept for name in names}
    await asyncio.to_thread(_remove, settings, shop.id, freed - named, named)


def _why_gone(version: ModelVersion) -> str:
    if (version.verdict or {}).get("accepted") is False:
        return f"m_{version.number} was refused by its own test and has no files; `verdict` says why. Train again."
    return (
        f"The files of m_{version.number} were let go: of each shop the newest {KEPT_TRAININGS} trainings and "
        f"{KEPT_BUILDS} builds are kept. Activate a newer version, or train again."
    )


async def _live(shop: Shop, connection: BaseDBAsyncClient) -> ModelVersion | None:
    row = await Shop.get_or_none(id=shop.id, using_db=connection)
    if row is None or row.live_version_id is None:
        return None
    return await ModelVersion.get_or_none(shop_id=shop.id, id=row.live_version_id, using_db=connection)


async def _lock(shop: Shop, connection: BaseDBAsyncClient) -> None:
    """Keep others from changing what is live until the transaction ends; SQLite has one writer anyway.

    Without the key: rows that point at the shop, such as its events, can be written meanwhile.
    """
    if not database.is_sqlite():
        await Shop.filter(id=shop.id).using_db(connection).select_for_update(no_key=True).first()


def _superseded(newest_first: Iterable[ModelVersion], live_id: int | None) -> list[ModelVersion]:
    """The versions whose files are to be let go. Trainings without files take nobody's place."""
    left = {"build": KEPT_BUILDS, "training": KEPT_TRAININGS}
    old: list[ModelVersion] = []
    for version in newest_first:
        if version.folder or version.trained:
            left[version.kind] -= 1
            if left[version.kind] < 0 and version.id != live_id:
                old.append(version)
    return old


def _remove(settings: Settings, shop_id: str, freed: set[str], named: set[str]) -> None:
    for name in freed - {""}:
        blobs.remove(settings, name)
    for kind in (SNAPSHOTS, MODELS):
        for path in blobs.path_of(settings, f"{kind}/{shop_id}").glob("*"):
            name = f"{kind}/{shop_id}/{path.name}"
            if name not in named and time.time() - path.stat().st_mtime > _ABANDONED_S:
                blobs.remove(settings, name)
