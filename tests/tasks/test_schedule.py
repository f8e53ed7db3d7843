"""When a shop is trained without being asked: at its own night, after enough new events, and not again and again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.worker import Worker as ArqWorker
from redis.asyncio import Redis

from server.events.models import Event
from server.learning.build import build
from server.serving import snapshot
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs
from server.tasks import queue as task_queue
from server.tasks import schedule
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue
from tests.serving.goods import goods, stock

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 11, 4, 30, tzinfo=UTC)  # past whichever minute after three is a shop's own


async def happen(shop: Shop, count: int, first: int = 0) -> None:
    """That many views."""
    rows = [
        Event(shop_id=shop.id, event_id=f"e{number}", position=0, type="view_item", time_ms=1_700_000_000_000 + number)
        for number in range(first, first + count)
    ]
    await Event.bulk_create(rows)


async def trained(shop: Shop, at: datetime, status: str = "succeeded", events: int = 0) -> RecommendationTask:
    """A training that ended at `at`, having been taught so many events."""
    result = {"events": events, "newest_event": await schedule.newest_event(shop)}
    task = await RecommendationTask.create(
        id=f"task_{at.timestamp():.0f}",
        shop_id=shop.id,
        kind="train",
        lane="long",
        status=status,
        result=result if status == "succeeded" else None,
        started_at=at,
        finished_at=at,
    )
    await RecommendationTask.filter(ACROSS_SHOPS, id=task.id).update(created_at=at)
    return task


async def test_shop_without_events_is_left_alone(shop: Shop) -> None:
    assert [await schedule.due(shop, moment) for moment in (NOON, NIGHT)] == ["", ""]


async def test_first_events_are_learned_at_once_when_there_are_enough(shop: Shop) -> None:
    await happen(shop, 199)
    assert (await schedule.due(shop, NOON), await schedule.due(shop, NIGHT)) == ("", "night")
    await happen(shop, 1, first=199)
    assert await schedule.due(shop, NOON) == "changes"


@pytest.mark.parametrize(("taught", "enough"), [(500, 200), (4_000, 400)])
async def test_a_tenth_more_events_are_enough(shop: Shop, taught: int, enough: int) -> None:
    await happen(shop, 50)
    await trained(shop, NOON - timedelta(hours=2), events=taught)
    assert await schedule.due(shop, NOON) == "", "nothing happened since"
    await happen(shop, enough - 1, first=50)
    assert await schedule.due(shop, NOON) == ""
    await happen(shop, 1, first=50 + enough)
    assert await schedule.due(shop, NOON) == "changes"


async def test_there_is_an_hour_between_two_trainings(shop: Shop) -> None:
    await trained(shop, NOON - timedelta(minutes=50))
    await happen(shop, 1_000)
    assert await schedule.due(shop, NOON) == ""
    assert await schedule.due(shop, NOON + timedelta(minutes=11)) == "changes"


async def test_training_that_waits_or_runs_is_enough(shop: Shop) -> None:
    await happen(shop, 1_000)
    for status in ("queued", "running"):
        task = await trained(shop, NOON - timedelta(hours=30), status)
        assert await schedule.due(shop, NOON) == ""
        await RecommendationTask.filter(ACROSS_SHOPS, id=task.id).delete()


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_what_failed_or_was_cancelled_is_tried_again_at_night_only(shop: Shop, status: str) -> None:
    await happen(shop, 1_000)
    await trained(shop, NOON - timedelta(hours=3), status)
    assert [await schedule.due(shop, moment) for moment in (NOON, NIGHT)] == ["", "night"]


async def test_a_night_trains_once(shop: Shop) -> None:
    await happen(shop, 10)
    await trained(shop, NOON)
    assert await schedule.due(shop, NIGHT) == "", "no events since noon"
    await happen(shop, 10, first=10)
    assert await schedule.due(shop, NIGHT) == "night"
    await trained(shop, NIGHT)
    await happen(shop, 10, first=20)
    assert await schedule.due(shop, NIGHT + timedelta(minutes=80)) == ""
    assert await schedule.due(shop, NIGHT + timedelta(days=1)) == "night"


async def test_night_is_the_shops_own(shop: Shop) -> None:
    await happen(shop, 10)
    for zone, hour in (("Europe/Berlin", 3), ("America/New_York", 8), ("Asia/Tokyo", 19)):
        shop.timezone = zone
        assert await schedule.due(shop, NIGHT.replace(hour=hour)) == "night", zone
        assert await schedule.due(shop, NIGHT.replace(hour=(hour + 12) % 24)) == "", zone


async def test_shops_of_one_zone_begin_at_different_minutes(shop: Shop) -> None:
    beginnings = {schedule.night_of(Shop(id=f"shop_{n}", timezone="UTC", settings={}), NIGHT) for n in range(40)}
    assert len(beginnings) > 20
    assert all(begins is not None and begins.hour == 3 for begins in beginnings)


async def test_shop_may_want_to_say_itself_when(shop: Shop) -> None:
    await happen(shop, 510)
    assert await schedule.due(shop, NIGHT) == "changes"
    shop.settings = {"training": "manual"}
    assert await schedule.due(shop, NIGHT) == ""


async def test_shop_that_cannot_be_scheduled_does_not_stop_the_others(
    queue: Queue, shop: Shop, other_shop: Shop
) -> None:
    await Shop.filter(id=other_shop.id).update(timezone="Nowhere/Land")  # comes first
    for each in (shop, other_shop):
        await happen(each, 10)
    assert await schedule.start_due(queue, NIGHT) == [shop.id]


async def test_what_an_update_no_longer_reads_is_built_anew(
    queue: Queue, shop: Shop, settings: Settings, redis: Redis
) -> None:
    assert await schedule.start_due(queue, NOON) == [], "nothing serves this shop yet"
    await stock(shop, redis, goods(5))
    await build(shop, settings)
    await shop.refresh_from_db()
    assert await schedule.start_due(queue, NOON) == []
    version = await ModelVersion.get(shop_id=shop.id)
    manifest = blobs.path_of(settings, version.folder) / snapshot.MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"format": {snapshot.FORMAT}', '"format": 0'))
    assert await schedule.start_due(queue, datetime.now(UTC)) == [shop.id]
    assert await schedule.start_due(queue, datetime.now(UTC)) == [], "once in an hour"
    (task,) = await RecommendationTask.filter(ACROSS_SHOPS, kind="reindex")
    assert (task.shop_id, task.status) == (shop.id, "queued")


@pytest.mark.slow
async def test_two_workers_start_one_training(queue: Queue, shop: Shop) -> None:
    await happen(shop, 300)
    workers: list[Any] = [
        ArqWorker(
            functions=[],
            cron_jobs=[schedule.cron_job(queue, minutes=None, seconds=set(range(60)))],
            queue_name=task_queue.queue_name("short"),
            redis_pool=task_queue.transport(queue.redis),
            handle_signals=False,
            poll_delay=0.1,
            job_serializer=task_queue.serialize,
            job_deserializer=task_queue.deserialize,
        )
        for _ in range(2)
    ]
    running = [asyncio.create_task(worker.main()) for worker in workers]
    await asyncio.sleep(2.5)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert sum(worker.jobs_complete for worker in workers) >= 1
    assert sum(worker.jobs_failed for worker in workers) == 0
    (training,) = await RecommendationTask.filter(ACROSS_SHOPS, kind="train")
    assert (training.shop_id, training.status, training.lane) == (shop.id, "queued", "long")
