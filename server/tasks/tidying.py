"""Clears away what ended tasks left behind (uploads nobody needs any more, half-written files of killed children), and
what shoppers did longer ago than their shop wants to know.
"""

import asyncio
import shutil
import time
from pathlib import Path

import structlog

from server.events import shoppers
from server.settings import Settings
from server.shops import answers
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs, database
from server.tasks.models import RecommendationTask

KEEP_UPLOADS_S = 7 * 86_400  # a failed import can be run again for so long
KEEP_UNFINISHED_S = 86_400  # longer than any task runs
_DAY_MS = 86_400_000

log = structlog.get_logger(__name__)


async def tidy(settings: Settings) -> None:
    """Remove uploads that are older than a week and belong to no waiting or running task, and old unfinished files."""
    unfinished = await RecommendationTask.filter(ACROSS_SHOPS, status__in=("queued", "running"))
    needed = {str(task.params.get("blob", "")) for task in unfinished}
    removed = await asyncio.to_thread(_remove_old, blobs.folder(settings), needed)
    if removed:
        log.info("blobs.tidied", removed=removed)


async def forget_old() -> None:
    """Erase the events of each shop that are older than it keeps them, and answers that nobody will ask for again."""
    await answers.forget_old()
    for shop in await Shop.all().using_db(database.reader()).order_by("id"):
        days = shop.choices.retention_days
        if days is not None:
            erased = await shoppers.erase_older_than(shop, time.time_ns() // 1_000_000 - days * _DAY_MS)
            if erased:
                log.info("events.retired", shop=shop.id, rows=erased)


def _remove_old(folder: Path, needed: set[str]) -> int:
    now, removed = time.time(), 0
    uploads = [path for path in folder.glob("uploads/*") if str(path.relative_to(folder)) not in needed]
    old = [path for path in uploads if _age(path, now) > KEEP_UPLOADS_S]
    old += [path for path in folder.glob("**/.new-*") if _age(path, now) > KEEP_UNFINISHED_S]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed += 1
    return removed


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
