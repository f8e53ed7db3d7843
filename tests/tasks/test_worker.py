"""What a worker makes of queued tasks, seen from outside: real worker processes, real children."""

import asyncio
import signal
import time

import msgspec
import pytest

from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs, messages
from server.tasks.models import RecommendationTask
from server.tasks.queue import workers_alive
from tests.tasks.watching import alive, children_of, noted, until, until_begun

pytestmark = pytest.mark.slow


async def test_task_runs_and_its_result_is_stored(queue, shop, notes, start_worker):
    start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes)}, size_hint=1)
    ended = await until("succeeded", task)
    assert ended.result == {"attempt": 1}
    assert (ended.progress, ended.error, ended.claim, ended.attempts) == (1.0, None, None, 1)
    assert ended.created_at <= ended.started_at <= ended.finished_at


async def test_clear_failure_is_told_and_not_tried_again(queue, shop, notes, start_worker):
    start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "fail"}, size_hint=1)
    failed = await until("failed", task)
    assert failed.error == "The file has no rows. Export it again."
    assert failed.attempts == 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"do": "break"}, "RuntimeError"),
        ({"do": "die"}, "killed by SIGSEGV"),
        ({"do": "die", "signal": 9}, "ran out of memory"),
    ],
)
async def test_broken_task_is_tried_three_times_and_says_why(queue, shop, notes, start_worker, params, words):
    start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes)} | params, size_hint=1)
    failed = await until("failed", task, 40)
    assert words in failed.error
    assert "3 times" in failed.error
    assert "secret inside" not in failed.error
    assert len(noted(notes)) == 3


async def test_task_over_its_time_limit_is_ended(queue, shop, notes, start_worker):
    start_worker()
    task = await queue.enqueue(shop.id, "hasty", {"notes": str(notes), "do": "sleep", "seconds": 60}, size_hint=1)
    failed = await until("failed", task)
    assert "longer than its limit" in failed.error


async def test_progress_grows_and_is_announced(queue, shop, notes, start_worker, redis):
    heard: list[messages.Message] = []

    async def hear(message: messages.Message) -> None:
        heard.append(message)

    async def connected() -> None:
        pass

    listening = asyncio.create_task(messages.listen(redis, hear, connected))
    start_worker()
    params = {"notes": str(notes), "do": "count", "to": 40, "pause": 0.1}
    task = await queue.enqueue(shop.id, "trial", params, size_hint=1)
    await until("running", task)
    seen: list[float] = []
    while (row := await RecommendationTask.get(ACROSS_SHOPS, id=task.id)).status == "running":
        if row.detail and row.stage == "first" and row.detail["done"] > 10:
            assert row.detail["total"] == 40
            assert row.detail["unit"] == "rows"
            assert 0 < row.detail["seconds_left"] < 10
        seen.append(row.progress)
        await asyncio.sleep(0.1)
    listening.cancel()
    assert seen == sorted(seen)
    assert max(seen) <= 0.25 + 0.75 / 2
    news = [message for message in heard if message.task_id == task.id]
    assert 6 <= len(news) <= 16  # two a second for four seconds, and each change of status


@pytest.mark.parametrize("action", ["sleep", "block", "compute"])
async def test_running_task_is_cancelled_within_two_seconds(queue, shop, notes, start_worker, action):
    worker = start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": action, "seconds": 60}, size_hint=1)
    await until_begun(notes)
    (child,) = children_of(worker.pid)
    asked = time.monotonic()
    await queue.request_cancel(shop.id, task.id)
    cancelled = await until("cancelled", task)
    assert time.monotonic() - asked < 2.0
    assert cancelled.finished_at is not None
    assert not alive(child)


async def test_retried_task_runs_again(queue, shop, notes, start_worker):
    start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "fail"}, size_hint=1)
    await until("failed", task)
    again = await queue.retry(shop.id, task.id)
    assert (again.status, again.error, again.attempts) == ("queued", None, 0)
    await until("failed", task)
    assert len(noted(notes)) == 2


async def test_short_task_does_not_wait_behind_long_ones(queue, shop, other_shop, notes, start_worker):
    start_worker()
    slow = {"notes": str(notes), "do": "sleep", "seconds": 30}
    for number in range(5):
        await queue.enqueue(shop.id, "trial", slow | {"number": number}, size_hint=10_000)
    await asyncio.sleep(1)
    short = await queue.enqueue(other_shop.id, "trial", {"notes": str(notes)}, size_hint=5)
    await until("succeeded", short, 10)


async def test_one_shops_many_tasks_do_not_keep_another_shop_waiting(queue, shop, other_shop, notes, start_worker):
    for _ in range(50):
        await queue.enqueue(shop.id, "trial", {"notes": str(notes)}, size_hint=1)
    theirs = await queue.enqueue(other_shop.id, "trial", {"notes": str(notes)}, size_hint=1)
    start_worker()
    await until("succeeded", theirs, 20)
    assert noted(notes).index(theirs.id) <= 2


async def test_tasks_of_a_shop_that_write_the_same_thing_run_one_after_the_other(queue, shop, notes, start_worker):
    start_worker()
    params = {"notes": str(notes), "do": "sleep", "seconds": 0.5}
    both = [await queue.enqueue(shop.id, kind, params, size_hint=1) for kind in ("trial", "neighbour")]
    for task in both:
        await until("succeeded", task)
    words = [line.split()[1] for line in notes.read_text().splitlines()]
    assert words == ["begin", "end", "begin", "end"]


async def test_stopped_worker_hands_its_task_back_at_once(queue, shop, notes, start_worker):
    worker = start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "block", "seconds": 60}, size_hint=1)
    await until_begun(notes)
    (child,) = children_of(worker.pid)
    asked = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 10) == 0
    assert time.monotonic() - asked < 5.0
    row = await RecommendationTask.get(ACROSS_SHOPS, id=task.id)
    assert (row.status, row.attempts, row.claim) == ("queued", 0, None)
    assert not alive(child)


async def test_uploaded_file_goes_when_the_task_succeeded_and_stays_when_it_failed(
    queue, shop, notes, start_worker, settings
):
    start_worker()
    tasks = []
    for action in ("nothing", "fail"):
        name = f"uploads/task_{action}"
        with blobs.new_file(settings, name) as path:
            path.write_text("rows")
        params = {"notes": str(notes), "do": action, "blob": name}
        tasks.append(await queue.enqueue(shop.id, "trial", params, size_hint=1, task_id=f"task_{action}"))
    await until("succeeded", tasks[0])
    await until("failed", tasks[1])
    await asyncio.sleep(0.3)
    assert not blobs.path_of(settings, "uploads/task_nothing").exists()
    assert blobs.path_of(settings, "uploads/task_fail").exists()


async def test_what_a_task_prints_is_in_the_workers_log(queue, shop, notes, start_worker, tmp_path):
    worker = start_worker()
    task = await queue.enqueue(shop.id, "trial", {"notes": str(notes), "do": "talk"}, size_hint=1)
    await until("succeeded", task)
    worker.terminate()
    worker.wait(10)
    lines = [msgspec.json.decode(line) for line in (tmp_path / "worker.log").read_bytes().splitlines()]
    (said,) = [line for line in lines if line["event"] == "task.output"]
    assert said["line"] == "a library's plain words"
    assert said["task"] == task.id


async def test_living_workers_are_counted(redis, start_worker):
    assert await workers_alive(redis) == 0
    worker = start_worker()
    give_up_at = time.monotonic() + 10
    while await workers_alive(redis) == 0:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.1)
    worker.terminate()
    worker.wait(10)
    assert await workers_alive(redis) == 0
