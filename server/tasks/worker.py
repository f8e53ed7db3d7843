"""The worker process: waits for wake-ups on ARQ, claims tasks and runs each in a child process of its own.

Two lanes, each with an ARQ worker and slots of its own, so that a short task never waits behind a long one. A sweep
every two seconds frees the tasks of workers that disappeared, and finds queued tasks whose wake-up got lost.
"""

import asyncio
import contextlib
import os
import random
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import structlog
from arq.cron import CronJob
from arq.worker import Worker as ArqWorker
from arq.worker import func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server import tasks
from server.processes import Kept
from server.settings import Settings
from server.storage import database, migrating
from server.storage import redis as redis_storage
from server.tasks import claims, queue, schedule, tidying
from server.tasks.attempt import Attempt
from server.tasks.kind import LANES

_SLOTS = {"short": 2, "long": 1}
_POLL_EVERY_S = 0.2  # the longest that a new task waits for a free worker
_SWEEP_EVERY_S = 2.0
_TIDY_EVERY_S = 3600.0
_LONGEST_STOP_S = 3.0
_COMPANION_GRACE_S = 1.0
_COMPANION_PAUSE_S = 300.0  # where the encoder's libraries are missing, trying often would only fill the log

log = structlog.get_logger(__name__)


@dataclass
class Lane:
    """One lane of this worker: what runs in it, and the ARQ worker that listens for wake-ups."""

    name: str
    slots: int
    running: dict[str, Attempt] = field(default_factory=dict)
    listener: ArqWorker | None = None

    def pause_when_full(self) -> None:
        """Leave wake-ups to other workers while every slot is taken."""
        if self.listener is not None:
            self.listener.allow_pick_jobs = len(self.running) < self.slots


class Worker:
    """One worker process. Needs the open database."""

    def __init__(self, settings: Settings, redis: "Redis") -> None:
        self.name = secrets.token_hex(8)
        self._settings = settings
        self._redis = redis
        self._lanes = [Lane(name, _SLOTS[name]) for name in LANES]
        self._attempts: set[asyncio.Task[None]] = set()
        self._filling = asyncio.Lock()
        self._stopping = asyncio.Event()

    async def work(self) -> None:
        """Work until `stop`, then hand back what runs and end."""
        loops = [self._listen(lane) for lane in self._lanes]
        companion = await asyncio.to_thread(query_encoder, self._settings)
        if companion is not None:
            loops.append(companion.keep())
        loops += [self._every(_SWEEP_EVERY_S, self._sweep), self._every(_TIDY_EVERY_S, self._tidy)]
        background = [asyncio.create_task(loop) for loop in loops]
        log.info("worker.ready", worker=self.name, lanes=_SLOTS)
        await self._stopping.wait()
        for task in background:
            task.cancel()
        async with self._filling:  # a claim in the making becomes an attempt first
            stops = [asyncio.create_task(attempt.stop()) for lane in self._lanes for attempt in lane.running.values()]
        if companion is not None:
            stops.append(asyncio.create_task(companion.stop(_COMPANION_GRACE_S)))
        if self._attempts or stops:
            await asyncio.wait([*stops, *self._attempts], timeout=_LONGEST_STOP_S)
        await self._say_goodbye()
        log.info("worker.stopped", worker=self.name)

    def stop(self) -> None:
        """Begin to end."""
        self._stopping.set()

    async def _listen(self, lane: Lane) -> None:
        """Take wake-ups from ARQ; a lost connection is made again."""

        async def wake(ctx: dict[Any, Any]) -> None:  # noqa: ARG001  ARQ's signature
            await self._fill(lane)

        while True:
            lane.listener = ArqWorker(
                functions=[func(wake, name="wake", keep_result=0, timeout=30, max_tries=3)],
                cron_jobs=self._cron_jobs(lane),
                queue_name=queue.queue_name(lane.name),
                redis_pool=queue.transport(self._redis),
                handle_signals=False,
                poll_delay=_POLL_EVERY_S,
                health_check_interval=5,
                job_serializer=queue.serialize,
                job_deserializer=queue.deserialize,
            )
            lane.pause_when_full()
            try:
                await lane.listener.main()
            except (RedisError, OSError) as error:
                log.warning("worker.redis_lost", lane=lane.name, error=str(error))
                await asyncio.sleep(0.5)

    def _cron_jobs(self, lane: Lane) -> list[CronJob]:
        # the short lane's slots are never taken for long
        return [schedule.cron_job(queue.Queue(self._settings, self._redis))] if lane.name == "short" else []

    async def _fill(self, lane: Lane) -> None:
        """Claim and start tasks while there is a free slot and something to do."""
        try:
            async with self._filling:
                while len(lane.running) < lane.slots and not self._stopping.is_set():
                    claim = await claims.claim_next(lane.name)
                    if claim is None:
                        return
                    self._start(lane, claim)
        except Exception:
            log.exception("worker.could_not_claim", lane=lane.name)  # the next sweep tries again
        finally:
            lane.pause_when_full()

    def _start(self, lane: Lane, claim: claims.Claim) -> None:
        attempt = Attempt(claim, tasks.KINDS[claim.kind], self._settings)
        lane.running[claim.task_id] = attempt
        following = asyncio.create_task(self._see_through(lane, attempt))
        self._attempts.add(following)
        following.add_done_callback(self._attempts.discard)

    async def _see_through(self, lane: Lane, attempt: Attempt) -> None:
        claim = attempt.claim
        await queue.announce(self._redis, claim.shop_id, claim.task_id)
        try:
            await attempt.follow()
        except Exception:
            log.exception("task.not_settled", task=claim.task_id)  # its lease runs out, and a sweep takes it back
        finally:
            lane.running.pop(claim.task_id, None)
        await queue.announce(self._redis, claim.shop_id, claim.task_id)
        for each in self._lanes:  # what had to wait for this task may be in the other lane
            await self._fill(each)

    async def _sweep(self) -> None:
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._redis.zadd(queue.WORKERS_KEY, {self.name: time.time()})
                await self._redis.zremrangebyscore(queue.WORKERS_KEY, "-inf", time.time() - 3600)
        for shop_id, task_id in await claims.take_back_expired():
            log.warning("task.taken_back", task=task_id, shop=shop_id)
            await queue.announce(self._redis, shop_id, task_id)
        for lane in self._lanes:
            await self._fill(lane)

    async def _tidy(self) -> None:
        await tidying.tidy(self._settings)
        await tidying.forget_old()

    async def _every(self, pause_s: float, do: Any) -> None:
        while True:
            try:
                await do()
            except Exception:
                log.exception("worker.failed", doing=do.__name__.removeprefix("_"))
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.0))  # noqa: S311  workers started together drift apart

    async def _say_goodbye(self) -> None:
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(0.5):
                await self._redis.zrem(queue.WORKERS_KEY, self.name)


def query_encoder(settings: Settings) -> Kept | None:
    """The process that turns what shoppers search for into vectors, where the encoder knows text."""
    if not settings.search_by_meaning or find_spec("server.encoders.queries") is None:
        return None
    from server.encoders.choice import choose

    if not choose(settings).text:
        return None
    command = [sys.executable, "-m", "server.encoders.queries"]
    environment = os.environ | settings.as_environment()
    return Kept("query encoder", command, environment, longest_pause_s=_COMPANION_PAUSE_S)


async def run(settings: Settings) -> None:
    """Be a worker process until SIGTERM or SIGINT.

    Raises:
        SchemaError: the database does not have this code's schema.

    """
    await database.connect(settings)
    redis = redis_storage.connect(settings)
    try:
        await migrating.require_current()
        await _work(settings, redis)
    finally:
        await redis.aclose()
        await database.disconnect()


async def _work(settings: Settings, redis: "Redis") -> None:
    worker = Worker(settings, redis)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stop)
    await worker.work()
