"""The process of one attempt at one task: `python -m server.tasks.child`, started by a worker only.

The worker writes an `Order` to standard input, then a line with the time of each renewal of the lease. When these stop
coming (the worker was paused, cut off or killed) this process ends before the lease does, so that no other worker can
already be running the same task.
"""

import asyncio
import importlib
import os
import select
import signal
import sys
import threading
from typing import Any

import msgspec
import structlog

from server import logs, processes
from server.settings import Settings
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database
from server.storage import redis as redis_storage
from server.tasks import claims
from server.tasks.models import RecommendationTask
from server.tasks.run import Lost, TaskFailed, TaskRun

EXIT_LOST = 75  # the claim was lost, or the worker fell silent
_STAY_S = claims.LEASE_S - 3.0  # after this long without a renewal the process ends, well before the lease
_OOM_SCORE = "500"  # when memory runs out the kernel shall choose a task, which runs again, and not the API

log = structlog.get_logger(__name__)


class Order(msgspec.Struct, frozen=True):
    """What the worker wants done."""

    task_id: str
    token: str
    kind: str
    module: str
    niceness: int
    taken_at: float
    worker: int  # its process id
    settings: Settings


def main() -> None:
    """Run the ordered task and end the process."""
    line, rest = _first_line()
    order = msgspec.json.decode(line, type=Order)
    processes.die_with_parent(order.worker)
    os.nice(order.niceness)
    _be_killed_first()
    watch = threading.Thread(target=_leave_when_silent, args=(order.taken_at, rest), name="lease", daemon=True)
    watch.start()
    logs.set_up(order.settings)
    structlog.contextvars.bind_contextvars(task=order.task_id, kind=order.kind)
    code = asyncio.run(_until_terminated(order))
    logs.flush()
    os._exit(code)  # what a library left running (threads, pools) shall not keep the process


async def _until_terminated(order: Order) -> int:
    attempt = asyncio.ensure_future(_attempt(order))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, attempt.cancel)
    try:
        return await attempt
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM


async def _attempt(order: Order) -> int:
    await database.connect(order.settings)
    redis = redis_storage.connect(order.settings)
    try:
        held = RecommendationTask.filter(ACROSS_SHOPS, id=order.task_id, claim=order.token, status="running")
        task = await held.select_related("shop").first()
        if task is None:
            return EXIT_LOST
        module = importlib.import_module(order.module)
        run = TaskRun(task, task.shop, order.settings, redis, getattr(module, "STAGES", None))
        return await _settle(order, run, module)
    finally:
        await redis.aclose()
        await database.disconnect()


async def _settle(order: Order, run: TaskRun, module: Any) -> int:
    """Run the kind and write how it ended."""
    try:
        held = await claims.succeed(order.task_id, order.token, await module.run(run))
    except Lost:
        return EXIT_LOST
    except TaskFailed as failure:
        held = await claims.fail(order.task_id, order.token, str(failure))
    except Exception as error:
        log.exception("task.broke", attempt=run.attempt)
        what = f"The task broke off ({type(error).__name__}); the server's log has the details under {order.task_id}."
        held = await claims.stumble(order.task_id, order.token, run.attempt, what)
    return 0 if held else EXIT_LOST


def _first_line() -> tuple[bytes, bytes]:
    """The order's line, and what came after it; not through `sys.stdin`, whose buffer would hide later lines."""
    read = b""
    while b"\n" not in read:
        piece = os.read(sys.stdin.fileno(), 65_536)
        if not piece:
            os._exit(EXIT_LOST)
        read += piece
    line, _, rest = read.partition(b"\n")
    return line, rest


def _leave_when_silent(taken_at: float, rest: bytes) -> None:
    """End the process when the worker's signs of life stop, or tell of a lease that is too old."""
    renewed_at, pending = taken_at, rest
    while True:
        *lines, pending = pending.split(b"\n")
        if lines:
            renewed_at = float(lines[-1])
        patience_s = renewed_at + _STAY_S - claims.since_boot()
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], max(patience_s, 0))
        piece = os.read(sys.stdin.fileno(), 4096) if ready else b""
        if not piece:
            os._exit(EXIT_LOST)
        pending += piece


def _be_killed_first() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
            score.write(_OOM_SCORE)
    except OSError:
        return  # a container may forbid it; then the kernel chooses by size


if __name__ == "__main__":
    main()
