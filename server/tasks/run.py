"""What a task gets to work with: its parameters, its shop, the way to Redis and the queue, and `progress`."""

import time
from collections.abc import Mapping
from math import ceil
from typing import Any

from redis.asyncio import Redis

from server.settings import Settings
from server.shops.models import Shop
from server.tasks import claims
from server.tasks.models import RecommendationTask
from server.tasks.queue import Queue, announce

_WRITE_EVERY_S = 0.5


class TaskFailed(Exception):  # noqa: N818  the words of the field
    """The task cannot succeed, now or later; the message is for the shop's people and says what to do."""


class Lost(Exception):  # noqa: N818
    """The task is no longer this process's to run: it was cancelled, or another worker has it. Leave at once."""


class TaskRun:
    """One attempt at one task.

    `stages` gives each stage's share of the whole, in order, so that `progress` on the row only ever grows; a kind
    names them in its module's `STAGES`. Without it the row tells how far the current stage is.
    """

    def __init__(
        self,
        task: RecommendationTask,
        shop: Shop,
        settings: Settings,
        redis: "Redis",
        stages: Mapping[str, float] | None = None,
    ) -> None:
        self.task_id: str = task.id
        self.shop = shop
        self.params: dict[str, Any] = task.params
        self.settings = settings
        self.redis = redis
        self.queue = Queue(settings, redis)
        self.attempt: int = task.attempts
        self._token = str(task.claim)
        self._stages = stages or {}
        self._stage = ""
        self._stage_began = 0.0
        self._first_done = 0
        self._written_at = 0.0
        self._furthest = 0.0

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """Tell how far the task is; cheap enough to call for every batch, written twice a second at most.

        Raises:
            Lost: the task is no longer this process's.

        """
        now = time.monotonic()
        new_stage = stage != self._stage
        if new_stage:
            self._stage, self._stage_began, self._first_done = stage, now, done
        elif now - self._written_at < _WRITE_EVERY_S:
            return
        self._written_at = now
        share = min(done / total, 1.0) if total else 0.0
        detail = {"done": done, "total": total, "unit": unit, "seconds_left": self._seconds_left(now, done, total)}
        overall = self._overall(stage, share)
        if self._stages:  # a stage may come a second time
            overall = self._furthest = max(self._furthest, overall)
        if not await claims.note_progress(self.task_id, self._token, stage, overall, detail):
            raise Lost(self.task_id)
        await announce(self.redis, self.shop.id, self.task_id)

    async def check(self) -> None:
        """Make sure that the task is still this process's, before a step that cannot be taken back.

        Raises:
            Lost: it is not.

        """
        rows = RecommendationTask.filter(
            shop_id=self.shop.id, id=self.task_id, claim=self._token, status="running", cancel_requested=False
        )
        if not await rows.exists():
            raise Lost(self.task_id)

    def _seconds_left(self, now: float, done: int, total: int) -> int | None:
        if done <= self._first_done or not total:
            return None
        per_unit = (now - self._stage_began) / (done - self._first_done)
        return ceil(per_unit * max(total - done, 0))

    def _overall(self, stage: str, share: float) -> float:
        if stage not in self._stages:
            return share
        before = 0.0
        for name, weight in self._stages.items():
            if name == stage:
                return min((before + weight * share) / sum(self._stages.values()), 1.0)
            before += weight
        return share
