"""Who runs a task: every change of a task row that a worker or its child makes.

A claim is a random token on the row, held by renewing a lease. Whoever lost the claim changes nothing any more: every
write here asks for the token. A lease that ran out gives the task to the next worker.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

from server import tasks
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database
from server.tasks.models import RecommendationTask

LEASE_S = 10.0  # with the sweep's pause this bounds how long a killed worker's task stands still
MOST_ATTEMPTS = 3
_PAUSES_S = (2.0, 10.0)  # before the second and the third attempt
_CLAIMING = 0x76697471  # "vitq": PostgreSQL's advisory lock, so that two workers never choose at the same moment


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that this worker may run. `taken_at`: just before the lease began, see `since_boot`."""

    task_id: str
    token: str
    shop_id: str
    kind: str
    attempt: int
    taken_at: float


def since_boot() -> float:
    """Seconds since the machine started; goes on while the machine or the process sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def claim_next(lane: str) -> Claim | None:
    """Take the queued task whose turn it is: of the shop with the fewest running tasks, then of the shop that waited
    longest, then the oldest. None when nothing may run now.
    """
    waiting = RecommendationTask.filter(ACROSS_SHOPS, status="queued", lane=lane).using_db(database.reader())
    if not await waiting.exists():
        return None  # without touching the write lock
    taken_at, token = since_boot(), secrets.token_hex(16)
    async with database.transaction() as connection:
        if not database.is_sqlite():
            await connection.execute_query(f"SELECT pg_advisory_xact_lock({_CLAIMING})")
        now_ms = await _now_ms(connection)
        rows = await connection.execute_query_dict(_whose_turn(lane, now_ms))
        if not rows:
            return None
        chosen = RecommendationTask.filter(ACROSS_SHOPS, id=rows[0]["id"], status="queued").using_db(connection)
        lease = now_ms + int(LEASE_S * 1000)
        taken = await chosen.update(
            status="running",
            claim=token,
            lease_until_ms=lease,
            attempts=rows[0]["attempts"] + 1,
            started_at=datetime.now(UTC),
            stage="",
            progress=0.0,
            detail={},
        )
    if not taken:
        return None  # cancelled a moment ago
    row = rows[0]
    return Claim(row["id"], token, row["shop_id"], row["kind"], row["attempts"] + 1, taken_at)


def _whose_turn(lane: str, now_ms: int) -> str:
    # every word put into the statement is our own, from the registry of kinds
    kinds = ", ".join(f"'{name}'" for name in tasks.KINDS)
    cases = " ".join(f"WHEN '{name}' THEN '{kind.writes}'" for name, kind in tasks.KINDS.items())
    writes = f"CASE kind {cases} ELSE kind END"
    return f"""
        WITH running AS (SELECT shop_id, {writes} AS writes FROM tasks WHERE status = 'running'),
             waiting AS (SELECT id, shop_id, kind, attempts, created_at, {writes} AS writes FROM tasks
                         WHERE status = 'queued' AND lane = '{lane}' AND not_before_ms <= {now_ms}
                           AND kind IN ({kinds}))
        SELECT id, shop_id, kind, attempts FROM waiting
        WHERE NOT EXISTS (SELECT 1 FROM running
                          WHERE running.shop_id = waiting.shop_id AND running.writes = waiting.writes)
        ORDER BY (SELECT COUNT(*) FROM running WHERE running.shop_id = waiting.shop_id),
                 (SELECT MAX(started_at) FROM tasks served WHERE served.shop_id = waiting.shop_id) ASC NULLS FIRST,
                 created_at, id
        LIMIT 1"""  # noqa: S608


async def renew(claim: Claim) -> bool:
    """Extend the lease; False when the claim is lost."""
    lease = await _now_ms(database.writer()) + int(LEASE_S * 1000)
    return bool(await _held(claim.task_id, claim.token).update(lease_until_ms=lease))


async def state(claim: Claim) -> tuple[bool, bool]:
    """Whether the claim is still held, and whether somebody asked to cancel the task."""
    rows = _held(claim.task_id, claim.token).using_db(database.reader())
    asked = await rows.values_list("cancel_requested", flat=True)
    return bool(asked), any(asked)


async def note_progress(task_id: str, token: str, stage: str, progress: float, detail: dict[str, Any]) -> bool:
    """Write how far the task is; False when the claim is lost."""
    return bool(await _held(task_id, token).update(stage=stage[:64], progress=progress, detail=detail))


async def succeed(task_id: str, token: str, result: Any) -> bool:
    """Write the result; False when the claim is lost."""
    # PostgreSQL's JSON has no NUL, and reports may quote a broken file's text
    plain = msgspec.json.decode(msgspec.json.encode(result).replace(b"\\u0000", b"\\ufffd"))
    return await _finish(_held(task_id, token), "succeeded", result=plain, progress=1.0, error=None)


async def fail(task_id: str, token: str, error: str) -> bool:
    """Write why the task failed for good; False when the claim is lost."""
    return await _finish(_held(task_id, token), "failed", error=error.replace("\x00", ""))


async def cancel(task_id: str, token: str) -> bool:
    """Write that the task was cancelled; False when the claim is lost."""
    return await _finish(_held(task_id, token), "cancelled")


async def stumble(task_id: str, token: str, attempt: int, error: str) -> bool:
    """The attempt broke for a reason that may pass: queue the task again after a pause, or fail it after the last."""
    if attempt >= MOST_ATTEMPTS:
        return await fail(task_id, token, f"{error} {_tried(attempt)}")
    pause_ms = int(_PAUSES_S[attempt - 1] * 1000 * (0.75 + secrets.randbelow(500) / 1000))
    not_before = await _now_ms(database.writer()) + pause_ms
    return await _requeue(_held(task_id, token), error=error, not_before_ms=not_before)


async def hand_back(task_id: str, token: str, attempt: int) -> bool:
    """Queue the task again at once, as if this attempt had not been: its worker is being stopped."""
    return await _requeue(_held(task_id, token), attempts=attempt - 1)


async def take_back_expired() -> list[tuple[str, str]]:
    """Free the tasks whose worker stopped renewing; gives their (shop_id, task_id)."""
    now_ms = await _now_ms(database.reader())
    overdue = RecommendationTask.filter(ACROSS_SHOPS, status="running", lease_until_ms__lt=now_ms)
    freed: list[tuple[str, str]] = []
    columns = ("shop_id", "id", "claim", "attempts", "cancel_requested")
    for shop_id, task_id, token, attempts, cancelled in await overdue.using_db(database.reader()).values_list(*columns):
        rows = _held(task_id, token).filter(lease_until_ms__lt=now_ms)  # it may have been renewed a moment ago
        if cancelled:
            done = await _finish(rows, "cancelled")
        elif attempts >= MOST_ATTEMPTS:
            done = await _finish(rows, "failed", error=f"The worker that ran the task disappeared. {_tried(attempts)}")
        else:
            done = await _requeue(rows)
        if done:
            freed.append((shop_id, task_id))
    return freed


def _tried(attempts: int) -> str:
    return f"It was tried {attempts} times."


def _held(task_id: str, token: str) -> Any:
    return RecommendationTask.filter(ACROSS_SHOPS, id=task_id, claim=token, status="running")


async def _finish(rows: Any, status: str, **fields: Any) -> bool:
    fields |= {"status": status, "claim": None, "lease_until_ms": None, "finished_at": datetime.now(UTC)}
    return bool(await rows.update(**fields))


async def _requeue(rows: Any, **fields: Any) -> bool:
    return bool(await rows.update(status="queued", claim=None, lease_until_ms=None, **fields))


async def _now_ms(connection: BaseDBAsyncClient) -> int:
    """The time by which leases are measured: with workers on several machines, the database's clock."""
    if database.is_sqlite():
        return time.time_ns() // 1_000_000
    rows = await connection.execute_query_dict("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms")
    return rows[0]["ms"]
