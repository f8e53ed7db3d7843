"""The queue as the API and other tasks see it: hand in a task, cancel it, run it again.

The row is committed first and is the truth. ARQ then carries a wake-up to the workers; should it get lost, they find
the row by themselves a moment later.
"""

import asyncio
import hashlib
import time
from functools import partial
from typing import Any, cast

import msgspec
import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError
from tortoise.timezone import now

from server import tasks
from server.settings import Settings
from server.storage import database, messages
from server.storage.identifiers import new_id
from server.tasks.models import RecommendationTask

WORKERS_KEY = "vitrina:workers"  # a sorted set: each worker's name, with the time of its last sign of life
WORKER_SILENT_S = 15.0
_REDIS_PATIENCE_S = 1.0  # a caller never waits longer than this for a wake-up that is not needed for correctness
_WAKE_UP_LIFE_S = 600

# JSON in place of ARQ's pickle: who can write to Redis must not be able to run code
serialize = msgspec.json.Encoder().encode
deserialize = msgspec.json.Decoder().decode

log = structlog.get_logger(__name__)


class UnknownKind(ValueError):  # noqa: N818
    """There is no such kind of task."""


class WrongStatus(ValueError):  # noqa: N818 - reads as what happened
    """The task's status does not allow this; the message says what it is."""


def queue_name(lane: str) -> str:
    """ARQ's queue of a lane."""
    return f"vitrina:wake-ups:{lane}"


def transport(redis: "Redis") -> ArqRedis:
    """ARQ over the connections of `redis`."""
    return ArqRedis(cast(ConnectionPool, redis.connection_pool), job_serializer=serialize, job_deserializer=deserialize)


async def announce(redis: "Redis", shop_id: str, task_id: str) -> None:
    """Tell everyone who follows the task that its row changed, once it has."""
    await database.after_commit(partial(_announce, redis, shop_id, task_id))


async def _announce(redis: "Redis", shop_id: str, task_id: str) -> None:
    try:
        async with asyncio.timeout(_REDIS_PATIENCE_S):
            await messages.publish(redis, messages.Message("task-changed", shop_id, task_id=task_id))
    except TimeoutError:
        log.warning("message.not_sent", topic="task-changed", task=task_id, error="Redis does not answer")


async def workers_alive(redis: "Redis") -> int:
    """How many worker processes gave a sign of life of late."""
    return int(await redis.zcount(WORKERS_KEY, time.time() - WORKER_SILENT_S, "+inf"))


class Queue:
    """Hands tasks to the workers. Needs the open database."""

    def __init__(self, settings: Settings, redis: "Redis") -> None:
        self.settings = settings
        self.redis = redis
        self.arq = transport(redis)

    async def enqueue(
        self,
        shop_id: str,
        kind: str,
        params: dict[str, Any] | None = None,
        dedupe_key: str | None = None,
        size_hint: int | None = None,
        task_id: str | None = None,
    ) -> RecommendationTask:
        """Hand in a task; once this returns it will run, whatever happens to Redis.

        While one of the shop with the same kind and `dedupe_key` is queued, that one is returned instead. `size_hint`
        (bytes, items or events) chooses the lane. `task_id`: an id made beforehand, for an upload's name.

        Raises:
            UnknownKind: no such kind.

        """
        if kind not in tasks.KINDS:
            raise UnknownKind(f"There is no task {kind!r}; there are {', '.join(tasks.KINDS)}.")
        key = _short_key(dedupe_key)
        async with database.transaction() as connection:
            if key and not database.is_sqlite():
                lock = f"SELECT pg_advisory_xact_lock(hashtextextended('{_lock_of(shop_id, kind, key)}', 0))"
                await connection.execute_query(lock)
            same = RecommendationTask.filter(shop_id=shop_id, kind=kind, dedupe_key=key, status="queued")
            task = await same.using_db(connection).order_by("created_at").first() if key else None
            if task is None:
                task = await RecommendationTask.create(
                    using_db=connection,
                    id=task_id or new_id("task"),
                    shop_id=shop_id,
                    kind=kind,
                    lane=tasks.KINDS[kind].lane(size_hint),
                    params=params or {},
                    dedupe_key=key,
                )
        await self._tell(task)
        return await RecommendationTask.get(shop_id=shop_id, id=task.id)

    async def request_cancel(self, shop_id: str, task_id: str) -> RecommendationTask | None:
        """Cancel the task: a queued one at once, a running one within two seconds. None when the shop has no such task.

        Raises:
            WrongStatus: it has already ended.

        """
        rows = RecommendationTask.filter(shop_id=shop_id, id=task_id)
        ended = await rows.filter(status="queued").update(status="cancelled", finished_at=now(), cancel_requested=True)
        asked = ended or await rows.filter(status="running").update(cancel_requested=True)
        task = await rows.first()
        if asked:
            await announce(self.redis, shop_id, task_id)
        elif task is not None and task.status != "cancelled":
            raise WrongStatus(f"The task has already {task.status}; only a queued or running task can be cancelled.")
        return task

    async def retry(self, shop_id: str, task_id: str) -> RecommendationTask | None:
        """Queue a failed or cancelled task again. None when the shop has no such task.

        Raises:
            WrongStatus: it is queued, running or succeeded.

        """
        rows = RecommendationTask.filter(shop_id=shop_id, id=task_id)
        again = await rows.filter(status__in=("failed", "cancelled")).update(
            status="queued",
            stage="",
            progress=0.0,
            detail={},
            result=None,
            error=None,
            attempts=0,
            cancel_requested=False,
            not_before_ms=0,
            started_at=None,
            finished_at=None,
        )
        task = await rows.first()
        if again and task is not None:
            await self._tell(task)
        elif task is not None:
            raise WrongStatus(f"The task is {task.status}; only a failed or cancelled task can be run again.")
        return task

    async def wake(self, task: RecommendationTask) -> None:
        """Wake the workers of the task's lane, once its row is there. Which task they then take is decided by the
        rows, not by this one.
        """
        await database.after_commit(partial(self._wake, task.lane, task.id))

    async def _wake(self, lane: str, task_id: str) -> None:
        try:
            async with asyncio.timeout(_REDIS_PATIENCE_S):
                await self.arq.enqueue_job(
                    "wake",
                    _job_id=f"{lane}:{task_id}",
                    _queue_name=queue_name(lane),
                    _expires=_WAKE_UP_LIFE_S,
                )
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("task.wake_up_not_sent", task=task_id, error=str(error) or "Redis does not answer")

    async def _tell(self, task: Any) -> None:
        await self.wake(task)
        await announce(self.redis, task.shop_id, task.id)


def _short_key(key: str | None) -> str | None:
    """The key, cut to what its column holds without two keys becoming one."""
    if key is None or len(key) <= 64:
        return key
    return hashlib.blake2b(key.encode(), digest_size=32).hexdigest()


def _lock_of(shop_id: str, kind: str, key: str) -> str:
    return hashlib.blake2b(f"{shop_id}\0{kind}\0{key}".encode(), digest_size=16).hexdigest()
