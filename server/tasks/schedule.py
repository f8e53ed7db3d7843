"""When shops are trained by themselves: at night, and when enough has happened since the last training. And when what
serves them is built anew: after an update of Vitrina that reads it no more.

One ARQ cron job looks every five minutes, in whichever worker comes first. What it goes by is in the database, so that
neither a restart nor a worker that was away at three o'clock makes a difference.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import structlog
from arq.cron import CronJob, cron

from server.events.models import Event
from server.learning import versions
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue

NIGHT, DAYBREAK = 3, 6  # hours of the shop's own clock: few shoppers are about, and backups begin at full hours
FEWEST_NEW = 200  # events; fewer change no model
NEW_SHARE = 0.1  # of the events that the last training was taught
PAUSE = timedelta(hours=1)  # between two trainings of one shop, or two tries to build what serves it
_LOOK_AT = set(range(0, 60, 5))  # minutes
_LONGEST_LOOK_S = 120

log = structlog.get_logger(__name__)


def cron_job(queue: Queue, *, minutes: set[int] | None = _LOOK_AT, seconds: set[int] | int = 0) -> CronJob:
    """The job for an ARQ worker; of all workers with the same queue one does it."""

    async def look(ctx: dict[Any, Any]) -> None:  # noqa: ARG001  ARQ's signature
        await start_due(queue, datetime.now(UTC))

    return cron(
        look, name="schedule", minute=minutes, second=seconds, unique=True, timeout=_LONGEST_LOOK_S, max_tries=1
    )


async def start_due(queue: Queue, moment: datetime) -> list[str]:
    """Hand in what is due at this `moment` (with its time zone); gives the ids of the shops."""
    started: list[str] = []
    for shop in await Shop.all().using_db(database.reader()).order_by("id"):
        try:
            if await is_to_be_rebuilt(shop, queue.settings, moment):
                log.info("reindex.due", shop=shop.id)
                await queue.enqueue(shop.id, "reindex", dedupe_key="reindex")
                started.append(shop.id)
            elif why := await due(shop, moment):
                log.info("training.due", shop=shop.id, why=why)
                await queue.enqueue(shop.id, "train", dedupe_key="train")
                started.append(shop.id)
        except Exception:
            log.exception("task.not_scheduled", shop=shop.id)  # the other shops shall not suffer from it
    return started


async def is_to_be_rebuilt(shop: Shop, settings: Settings, moment: datetime) -> bool:
    """Whether the shop has nothing that this version reads, and nobody tried to build it within the last hour."""
    if not await versions.is_outdated(shop, settings):
        return False
    tries = RecommendationTask.filter(shop_id=shop.id, kind="reindex", created_at__gt=moment - PAUSE)
    return not await tries.using_db(database.reader()).exists()


async def due(shop: Shop, moment: datetime) -> str:
    """Why the shop is to be trained now: "changes", "night", or "" where it is not."""
    if shop.choices.training == "manual":
        return ""
    trainings = RecommendationTask.filter(shop_id=shop.id, kind="train").using_db(database.reader())
    if await trainings.filter(status__in=("queued", "running")).exists():
        return ""
    last = await trainings.order_by("-created_at").first()
    if last is not None and moment - (last.finished_at or last.created_at) < PAUSE:
        return ""
    learned = await trainings.filter(status="succeeded").order_by("-finished_at").first()
    taught: dict[str, Any] = (learned.result if learned else None) or {}
    new = await _events_after(shop, taught.get("newest_event", 0))
    broke = last is not None and last.status != "succeeded"  # or was cancelled: it would be so again and again
    if not broke and new >= max(FEWEST_NEW, NEW_SHARE * taught.get("events", 0)):
        return "changes"
    tonight = night_of(shop, moment)
    if new and tonight is not None and (last is None or last.created_at < tonight):
        return "night"
    return ""


def night_of(shop: Shop, moment: datetime) -> datetime | None:
    """When the night's training of the shop began to be due; None by day."""
    local = moment.astimezone(ZoneInfo(shop.timezone))
    minute = crc32(shop.id.encode()) % 60  # not all shops of a worker at once
    begins = local.replace(hour=NIGHT, minute=minute, second=0, microsecond=0)
    return begins.astimezone(UTC) if begins <= local and local.hour < DAYBREAK else None


async def newest_event(shop: Shop) -> int:
    """The number of the event that came in last, 0 for none: where the next training's new events begin."""
    newest = await Event.filter(shop_id=shop.id).using_db(database.reader()).order_by("-id").first()
    return newest.id if newest else 0


async def _events_after(shop: Shop, number: int) -> int:
    # by the order in which they came in: a file of old orders is news too
    return await Event.filter(shop_id=shop.id, id__gt=number).using_db(database.reader()).count()
