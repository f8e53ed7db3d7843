"""Many shops, as many workers as there are: the trainings spread over them, and no shop is trained twice at a time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from subprocess import Popen

import pytest
from redis.asyncio import Redis

from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue
from tests.learning.habits import open_with_habits
from tests.tasks.watching import children_of

pytestmark = pytest.mark.slow
SHOPS, PATIENCE_S = 4, 300.0


async def test_two_workers_share_the_trainings_of_many_shops(
    settings: Settings, redis: Redis, db: None, queue: Queue, start_worker: Callable[..., Popen[bytes]]
) -> None:
    shops = [await Shop.create(id=f"shop_{n}", slug=f"shop-{n}", name=f"Shop {n}") for n in range(SHOPS)]
    for number, shop in enumerate(shops):
        await open_with_habits(settings, redis, shop, seed=number)
    trainings = [await queue.enqueue(shop.id, "train", {"seed": number}) for number, shop in enumerate(shops)]
    trainings.append(await queue.enqueue(shops[0].id, "train", {"seed": 99}))
    workers = [start_worker(), start_worker()]
    busy_together, most_of_one_shop = await watch(trainings, workers)
    assert busy_together, "both workers trained at the same time"
    assert most_of_one_shop == 1
    rows = await RecommendationTask.filter(ACROSS_SHOPS, kind="train")
    assert [(row.status, row.attempts) for row in rows] == [("succeeded", 1)] * len(trainings)
    trained = Counter(version.shop_id for version in await ModelVersion.filter(ACROSS_SHOPS, kind="training"))
    assert trained == {shop.id: 1 + (shop is shops[0]) for shop in shops}


async def watch(trainings: list[RecommendationTask], workers: list[Popen[bytes]]) -> tuple[bool, int]:
    """Wait until all have ended; tells whether both workers had a child at once, and the most trainings that one shop
    had running.
    """
    busy_together, most = False, 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            rows = await RecommendationTask.filter(ACROSS_SHOPS, id__in=[task.id for task in trainings])
            running = Counter(row.shop_id for row in rows if row.status == "running")
            most = max([most, *running.values()])
            busy_together |= len(running) > 1 and all(children_of(worker.pid) for worker in workers)
            if all(row.status not in ("queued", "running") for row in rows):
                return busy_together, most
            await asyncio.sleep(0.1)
