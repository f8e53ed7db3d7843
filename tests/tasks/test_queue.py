"""Handing in, cancelling and retrying tasks; no worker runs here."""

import asyncio
import os

import pytest
from tortoise.timezone import now

from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database, messages
from server.tasks import claims, tidying
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue, UnknownKind, WrongStatus, queue_name


async def test_new_task_is_queued_with_its_parameters(queue, shop):
    task = await queue.enqueue(shop.id, "trial", {"file": "a"})
    row = await RecommendationTask.get(ACROSS_SHOPS, id=task.id)
    assert (row.status, row.params, row.progress, row.attempts) == ("queued", {"file": "a"}, 0.0, 0)
    assert row.id.startswith("task_")


@pytest.mark.parametrize(("size", "lane"), [(99, "short"), (100, "long"), (None, "long")])
async def test_size_chooses_the_lane(queue, shop, redis, size, lane):
    task = await queue.enqueue(shop.id, "trial", size_hint=size)
    assert task.lane == lane
    assert await redis.zcard(queue_name(lane)) == 1


async def test_unknown_kind_is_refused(queue, shop):
    with pytest.raises(UnknownKind, match=r"no task 'bake'.*import"):
        await queue.enqueue(shop.id, "bake")


async def test_same_key_gives_the_queued_task_once_more(queue, shop, other_shop):
    first = await queue.enqueue(shop.id, "trial", {"number": 1}, dedupe_key="k" * 200)
    again = await queue.enqueue(shop.id, "trial", {"number": 2}, dedupe_key="k" * 200)
    elsewhere = await queue.enqueue(other_shop.id, "trial", dedupe_key="k" * 200)
    other_kind = await queue.enqueue(shop.id, "neighbour", dedupe_key="k" * 200)
    other_key = await queue.enqueue(shop.id, "trial", dedupe_key="k" * 201)
    assert again.id == first.id
    assert again.params == {"number": 1}
    assert len({first.id, elsewhere.id, other_kind.id, other_key.id}) == 4


async def test_same_key_while_the_first_runs_queues_a_second(queue, shop):
    first = await queue.enqueue(shop.id, "trial", dedupe_key="k", size_hint=1)
    await claims.claim_next("short")
    second = await queue.enqueue(shop.id, "trial", dedupe_key="k", size_hint=1)
    assert second.id != first.id


async def test_same_key_at_the_same_moment_makes_one_task(queue, shop):
    tasks = await asyncio.gather(*[queue.enqueue(shop.id, "trial", dedupe_key="k") for _ in range(10)])
    assert len({task.id for task in tasks}) == 1


async def test_queued_task_is_cancelled_at_once_and_never_runs(queue, shop):
    task = await queue.enqueue(shop.id, "trial", size_hint=1)
    cancelled = await queue.request_cancel(shop.id, task.id)
    assert cancelled.status == "cancelled"
    assert cancelled.finished_at is not None
    assert await claims.claim_next("short") is None
    assert (await queue.request_cancel(shop.id, task.id)).status == "cancelled"  # asking again changes nothing


async def test_another_shops_task_is_neither_cancelled_nor_retried(queue, shop, other_shop):
    task = await queue.enqueue(shop.id, "trial")
    assert await queue.request_cancel(other_shop.id, task.id) is None
    assert await queue.retry(other_shop.id, task.id) is None
    assert (await RecommendationTask.get(ACROSS_SHOPS, id=task.id)).status == "queued"


async def test_finished_task_cannot_be_cancelled_and_running_one_not_retried(queue, shop):
    await queue.enqueue(shop.id, "trial", size_hint=1)
    claim = await claims.claim_next("short")
    with pytest.raises(WrongStatus, match="is running"):
        await queue.retry(shop.id, claim.task_id)
    await claims.succeed(claim.task_id, claim.token, {})
    with pytest.raises(WrongStatus, match="already succeeded"):
        await queue.request_cancel(shop.id, claim.task_id)


async def test_every_change_is_announced(queue, shop, redis):
    heard, ready = [], asyncio.Event()

    async def hear(message: messages.Message) -> None:
        heard.append((message.topic, message.shop_id, message.task_id))

    async def connected() -> None:
        ready.set()

    listening = asyncio.create_task(messages.listen(redis, hear, connected))
    await ready.wait()
    task = await queue.enqueue(shop.id, "trial")
    await queue.request_cancel(shop.id, task.id)
    await queue.retry(shop.id, task.id)
    await asyncio.sleep(0.2)
    listening.cancel()
    assert heard == [("task-changed", shop.id, task.id)] * 3


async def test_old_upload_goes_unless_a_task_still_needs_it(queue, shop, settings):
    uploads = settings.folder / "blobs/uploads"
    uploads.mkdir(parents=True)
    for name in ("needed", "orphan", "fresh"):
        (uploads / name).touch()
        age = 0 if name == "fresh" else 8 * 86_400
        os.utime(uploads / name, (now().timestamp() - age,) * 2)
    await queue.enqueue(shop.id, "trial", {"blob": "uploads/needed"})
    await tidying.tidy(settings)
    assert sorted(path.name for path in uploads.iterdir()) == ["fresh", "needed"]


async def test_queue_can_be_used_inside_a_transaction(settings, redis, shop):
    queue = Queue(settings, redis)
    async with database.transaction():
        task = await queue.enqueue(shop.id, "trial", dedupe_key="k")
    assert (await RecommendationTask.get(ACROSS_SHOPS, id=task.id)).status == "queued"
