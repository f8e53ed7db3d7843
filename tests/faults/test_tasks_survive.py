"""Tasks run to their end, once, whatever dies: the worker, its child, Redis."""

import asyncio
import os
import signal
import time

import msgspec
import pytest
from redis.asyncio import Redis

from server.shops.tenancy import ACROSS_SHOPS
from server.storage import redis as redis_storage
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue
from tests.tasks.watching import alive, children_of, noted, until, until_begun

pytestmark = pytest.mark.slow


async def test_task_of_a_killed_worker_runs_again_within_20_seconds(queue, shop, notes, start_worker):
    worker = start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "sleep", "seconds": 4}, size_hint=1)
    await until_begun(notes)
    (child,) = children_of(worker.pid)
    worker.kill()
    worker.wait(5)
    killed_at = time.monotonic()
    start_worker()
    await until_begun(notes, 2, 20)
    took_s = time.monotonic() - killed_at
    assert took_s < 20
    assert not alive(child)
    ended = await until("succeeded", task)
    assert ended.result == {"attempt": 2}


async def test_task_of_a_killed_child_runs_again(queue, shop, notes, start_worker):
    worker = start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "sleep", "seconds": 2}, size_hint=1)
    await until_begun(notes)
    (child,) = children_of(worker.pid)
    os.kill(child, signal.SIGKILL)
    await until_begun(notes, 2, 20)
    ended = await until("succeeded", task)
    assert (ended.attempts, ended.error) == (2, None)


async def test_task_of_a_worker_that_stands_still_runs_once_at_a_time(queue, shop, notes, start_worker):
    worker = start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "sleep", "seconds": 9}, size_hint=1)
    await until_begun(notes)
    (child,) = children_of(worker.pid)
    worker.send_signal(signal.SIGSTOP)
    other = start_worker()
    await until_begun(notes, 2, 25)
    assert not alive(child)  # it ended by itself before another worker could claim the task
    worker.send_signal(signal.SIGCONT)
    ended = await until("succeeded", task)
    await asyncio.sleep(2)
    assert ended.result == {"attempt": 2}
    assert len(noted(notes)) == 2
    assert len(noted(notes, "end")) == 1
    assert worker.poll() is None
    assert other.poll() is None


async def test_paused_child_and_worker_do_not_write_what_they_lost(queue, shop, notes, start_worker):
    worker = start_worker()
    params = {"notes": str(notes), "do": "count", "to": 30, "pause": 0.1}
    task = await queue.enqueue(shop.id, "trial", params, size_hint=1)
    await until_begun(notes)
    (child,) = children_of(worker.pid)
    for pid in (worker.pid, child):
        os.kill(pid, signal.SIGSTOP)
    start_worker()
    await until_begun(notes, 2, 25)
    for pid in (child, worker.pid):
        os.kill(pid, signal.SIGCONT)
    ended = await until("succeeded", task)
    assert ended.result == {"attempt": 2}
    assert len(noted(notes, "end")) == 1


async def test_queued_tasks_run_although_redis_forgot_them(queue, shop, other_shop, notes, start_worker, redis):
    tasks = [await queue.enqueue(each.id, "trial", {"notes": str(notes)}, size_hint=1) for each in (shop, other_shop)]
    await redis.flushall()
    start_worker()
    for task in tasks:
        await until("succeeded", task)


async def test_task_accepted_while_redis_is_down_runs(settings, shop, notes, start_worker, own_redis):
    told = msgspec.structs.replace(settings, redis_url=own_redis.url)
    start_worker(redis_url=own_redis.url)
    client: Redis = redis_storage.connect(told)
    queue = Queue(told, client)
    await until("succeeded", await queue.enqueue(shop.id, "trial", {"notes": str(notes)}, size_hint=1))
    own_redis.stop()
    began = time.monotonic()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes)}, size_hint=1)
    assert time.monotonic() - began < 3
    await until("succeeded", task)
    own_redis.start()
    began = time.monotonic()
    await until("succeeded", await queue.enqueue(shop.id, "trial", {"notes": str(notes)}, size_hint=1))
    assert time.monotonic() - began < 5
    await client.aclose()


async def test_running_task_is_cancelled_while_redis_is_down(settings, shop, notes, start_worker, own_redis):
    told = msgspec.structs.replace(settings, redis_url=own_redis.url)
    start_worker(redis_url=own_redis.url)
    client: Redis = redis_storage.connect(told)
    queue = Queue(told, client)
    params = {"notes": str(notes), "do": "sleep", "seconds": 60}
    task = await queue.enqueue(shop.id, "trial", params, size_hint=1)
    await until_begun(notes)
    own_redis.stop()
    await queue.request_cancel(shop.id, task.id)
    await until("cancelled", task, 5)
    await client.aclose()


async def test_two_workers_share_the_work_and_run_nothing_twice(queue, shop, other_shop, notes, start_worker):
    for _ in range(2):
        start_worker()
    for number in range(6):
        for each in (shop, other_shop):
            params = {"notes": str(notes), "number": number}
            await queue.enqueue(each.id, "trial", params, size_hint=1)
    for task in await RecommendationTask.filter(ACROSS_SHOPS):
        await until("succeeded", task, 30)
    begun = noted(notes)
    assert len(begun) == len(set(begun)) == 12
