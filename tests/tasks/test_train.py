"""Training as a task: what it says, what goes live, what does not, and that it lets itself be ended."""

import asyncio
import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from server.learning.build import build
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.tasks import KINDS, schedule
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue
from tests.learning.habits import open_with_habits
from tests.serving.goods import goods, stock
from tests.tasks.watching import alive, children_of, until

pytestmark = pytest.mark.slow
PATIENCE_S = 240.0


async def live(shop: Shop) -> ModelVersion:
    await shop.refresh_from_db()
    return await ModelVersion.get(ACROSS_SHOPS, id=shop.live_version_id)


async def test_training_goes_live_with_its_verdict_and_stays_through_builds(
    settings: Settings, redis: Redis, shop: Shop, queue: Queue, start_worker: Callable[..., Popen[bytes]]
) -> None:
    await open_with_habits(settings, redis, shop)
    await build(shop, settings)
    task = await queue.enqueue(shop.id, "train", {"seed": 5})
    start_worker()
    seen = await progress_until_ended(task)
    result: dict[str, Any] = (await until("succeeded", task)).result
    assert seen == sorted(seen)
    assert result["accepted"], result["reason"]
    assert (result["seed"], result["events"]) == (5, 2_400)
    assert 50 < result["peak_mb"] < 4_000
    assert result["newest_event"] == await schedule.newest_event(shop)
    version = await live(shop)
    assert (version.kind, f"m_{version.number}") == ("training", result["model_version"])
    assert version.stack in ("linear", "two-tower", "two-stage")
    figures = version.verdict["figures"]
    assert figures[version.stack]["ndcg@10"] > figures["popularity"]["ndcg@10"]
    rebuilt = await until("succeeded", await queue.enqueue(shop.id, "reindex"))
    later = await live(shop)
    assert (later.kind, f"m_{later.number}") == ("build", rebuilt.result["model_version"])
    assert (later.trained, later.stack) == (version.trained, version.stack)


async def test_chance_is_refused_and_says_so(
    settings: Settings, redis: Redis, shop: Shop, queue: Queue, start_worker: Callable[..., Popen[bytes]]
) -> None:
    await open_with_habits(settings, redis, shop, shuffled=True)
    before = await build(shop, settings)
    start_worker()
    task = await until("succeeded", await queue.enqueue(shop.id, "train"), PATIENCE_S)
    assert task.result["accepted"] is False
    assert task.result["reason"].startswith("It is not put live")
    assert (await live(shop)).id == before.id
    (refused,) = await ModelVersion.filter(ACROSS_SHOPS, kind="training")
    assert (refused.folder, refused.trained, refused.verdict["accepted"]) == ("", "", False)


async def test_shop_with_few_events_is_told_when_training_can_prove_itself(
    settings: Settings, redis: Redis, shop: Shop, queue: Queue, start_worker: Callable[..., Popen[bytes]]
) -> None:
    await stock(shop, redis, goods(12))
    start_worker()
    for kind in ("train", "evaluate"):
        task = await until("succeeded", await queue.enqueue(shop.id, kind), PATIENCE_S)
        assert task.result["accepted"] is False
        assert "No events yet" in task.result["reason"]


async def test_running_training_is_cancelled_within_five_seconds(
    settings: Settings, redis: Redis, shop: Shop, queue: Queue, start_worker: Callable[..., Popen[bytes]]
) -> None:
    await open_with_habits(settings, redis, shop)
    worker = start_worker()
    task = await queue.enqueue(shop.id, "train")
    await until_learning(task)
    (child,) = children_of(worker.pid)
    asked = time.monotonic()
    await queue.request_cancel(shop.id, task.id)
    await until("cancelled", task)
    assert time.monotonic() - asked < 5.0
    assert not alive(child)
    assert not await ModelVersion.exists(ACROSS_SHOPS)


async def test_training_of_a_killed_worker_begins_anew_in_another(
    settings: Settings, redis: Redis, shop: Shop, queue: Queue, start_worker: Callable[..., Popen[bytes]]
) -> None:
    await open_with_habits(settings, redis, shop)
    killed = start_worker()
    task = await queue.enqueue(shop.id, "train")
    await until_learning(task)
    (child,) = children_of(killed.pid)
    killed.kill()
    start_worker()
    ended = await until("succeeded", task, PATIENCE_S)
    assert not alive(child)
    assert (ended.attempts, ended.result["accepted"]) == (2, True)
    assert await ModelVersion.filter(ACROSS_SHOPS, kind="training").count() == 1


def test_threads_of_a_training_are_bounded_before_it_starts(settings: Settings) -> None:
    usual = KINDS["train"].environment(settings)
    assert int(usual["OMP_NUM_THREADS"]) <= 2
    assert usual["OMP_WAIT_POLICY"] == "PASSIVE"
    told = KINDS["evaluate"].environment(msgspec.structs.replace(settings, training_threads=3))
    assert {told[f"{pool}_NUM_THREADS"] for pool in ("OMP", "OPENBLAS", "MKL")} == {"3"}
    assert not KINDS["reindex"].environment(settings)


async def progress_until_ended(task: RecommendationTask) -> list[float]:
    """What the row told on the way."""
    seen: list[float] = []
    async with asyncio.timeout(PATIENCE_S):
        while (row := await RecommendationTask.get(ACROSS_SHOPS, id=task.id)).status in ("queued", "running"):
            seen.append(row.progress)
            await asyncio.sleep(0.1)
    return seen


async def until_learning(task: RecommendationTask) -> None:
    """Wait until it has read the shop and computes."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        if (await RecommendationTask.get(ACROSS_SHOPS, id=task.id)).stage not in (
            "",
            "Reading products",
            "Reading events",
        ):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the training does not begin to learn")
