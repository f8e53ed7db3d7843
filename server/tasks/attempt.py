"""The worker's side of one attempt: starts the child process, renews the lease, cancels, and settles what is left
when the child ended without a word.
"""

import asyncio
import contextlib
import os
import sys
from typing import Any

import msgspec
import structlog

from server import processes
from server.settings import Settings
from server.storage import blobs
from server.tasks import claims
from server.tasks.child import EXIT_LOST, Order
from server.tasks.kind import Kind
from server.tasks.models import RecommendationTask

_LOOK_EVERY_S = 0.5  # how soon a wish to cancel is seen
_RENEW_EVERY_S = 2.0
_GRACE_S = 1.0  # for a child to put its temporary files away
_LONGEST_LINE = 16_384

log = structlog.get_logger(__name__)


class Attempt:
    """One attempt at one task, in a child process of its own."""

    def __init__(self, claim: claims.Claim, kind: Kind, settings: Settings) -> None:
        self.claim = claim
        self._kind = kind
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._ended_for = ""  # why this worker ended the child: "cancelled", "too long", "lost" or "stopping"

    async def follow(self) -> None:
        """Run the task to its end, whatever that is. Afterwards its row is no longer this worker's."""
        claim = self.claim
        log.info("task.started", task=claim.task_id, kind=claim.kind, shop=claim.shop_id, attempt=claim.attempt)
        try:
            self._process = await self._start()
            code = await self._until_exit(self._process)
        except OSError as error:
            log.error("task.not_started", task=claim.task_id, error=str(error))
            await claims.stumble(claim.task_id, claim.token, claim.attempt, "The task's process could not be started.")
            return
        await self._settle(code)
        task = await RecommendationTask.get_or_none(shop_id=claim.shop_id, id=claim.task_id)
        if task is not None:
            log.info("task.ended", task=task.id, kind=task.kind, shop=claim.shop_id, status=task.status)
            if task.status == "succeeded":
                remove_upload(self._settings, task)

    async def stop(self) -> None:
        """End the child because the worker ends; the task is handed back."""
        await self._end("stopping", _GRACE_S)

    async def _start(self) -> asyncio.subprocess.Process:
        claim, kind = self.claim, self._kind
        # its own session, so that whatever it starts can be ended with it; the names are for people who look at `ps`
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server.tasks.child", claim.kind, claim.task_id),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | kind.environment(self._settings),
        )
        told = msgspec.structs.replace(self._settings, log_format="json", data_folder=str(self._settings.folder))
        order = Order(
            claim.task_id, claim.token, claim.kind, kind.module, kind.niceness, claim.taken_at, os.getpid(), told
        )
        _tell(process, msgspec.json.encode(order))
        if self._ended_for:  # `stop` came while the process was being started
            await processes.end(process, 0)
        return process

    async def _until_exit(self, process: asyncio.subprocess.Process) -> int:
        beside = [asyncio.create_task(self._keep_claim(process)), asyncio.create_task(self._pass_on_output(process))]
        try:
            return await asyncio.wait_for(process.wait(), self._kind.time_limit_s)
        except TimeoutError:
            await self._end("too long", _GRACE_S)
            return await process.wait()
        finally:
            processes.kill_group(process)
            beside[0].cancel()
            await asyncio.wait(beside, timeout=1.0)
            beside[1].cancel()

    async def _keep_claim(self, process: asyncio.subprocess.Process) -> None:
        """Renew the lease, tell the child so, and look whether the task was cancelled or lost."""
        renewed_at = self.claim.taken_at
        while process.returncode is None:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                held, cancelled = await claims.state(self.claim)
                began = claims.since_boot()
                if held and not cancelled and began - renewed_at >= _RENEW_EVERY_S:
                    held = await claims.renew(self.claim)
                    if held:
                        renewed_at = began
                        _tell(process, str(began).encode())
            except Exception:
                # a database that does not answer: the child ends by itself before the lease does
                log.exception("task.lease_not_renewed", task=self.claim.task_id)
                continue
            if cancelled:
                await self._end("cancelled", _GRACE_S)
            elif not held:
                await self._leave_or_kill(process)

    async def _leave_or_kill(self, process: asyncio.subprocess.Process) -> None:
        """The row is not ours: either the child has just written its result and ends, or another worker took over."""
        patience_s = 0.2 if await self._taken_over() else 5.0
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience_s)
        if process.returncode is None:
            await self._end("lost", 0)

    async def _taken_over(self) -> bool:
        return await RecommendationTask.filter(
            shop_id=self.claim.shop_id, id=self.claim.task_id, status__in=("queued", "running")
        ).exists()

    async def _end(self, reason: str, grace_s: float) -> None:
        self._ended_for = self._ended_for or reason
        if self._process is not None:
            await processes.end(self._process, grace_s)

    async def _settle(self, code: int) -> None:
        """Write what the child could not write itself; a row that it did write is left as it is."""
        task_id, token, attempt = self.claim.task_id, self.claim.token, self.claim.attempt
        _, cancelled = await claims.state(self.claim)
        if cancelled:
            await claims.cancel(task_id, token)
        elif self._ended_for == "stopping":
            await claims.hand_back(task_id, token, attempt)
        elif self._ended_for == "too long":
            hours = self._kind.time_limit_s / 3600
            await claims.fail(task_id, token, f"The task took longer than its limit of {hours:g} hours.")
        elif await claims.stumble(task_id, token, attempt, _why(code)):
            log.error("task.crashed", task=task_id, attempt=attempt, exit=processes.describe_exit(code))

    async def _pass_on_output(self, process: asyncio.subprocess.Process) -> None:
        """Put what the child writes into this process's log, line by line."""
        assert process.stdout is not None
        pending = b""
        while piece := await process.stdout.read(65_536):
            *lines, pending = (pending + piece).split(b"\n")
            pending = pending[-_LONGEST_LINE:]
            for line in lines:
                self._log_line(line)
        self._log_line(pending)

    def _log_line(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip()
        if not text:
            return
        happening = _as_happening(text)
        level, event = happening.pop("level", "info"), happening.pop("event", "task.output")
        write = getattr(log, level if level in ("debug", "info", "warning", "error", "critical") else "info")
        write(event, **({"task": self.claim.task_id, "kind": self.claim.kind} | happening))


def remove_upload(settings: Settings, task: RecommendationTask) -> None:
    """Remove the file that was handed in with the task."""
    name = task.params.get("blob")
    if isinstance(name, str) and name.startswith("uploads/"):
        blobs.remove(settings, name)


def _tell(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(line + b"\n")


def _as_happening(text: str) -> dict[str, Any]:
    try:
        happening = msgspec.json.decode(text)
    except msgspec.DecodeError:
        happening = None
    return happening if isinstance(happening, dict) else {"line": text}


def _why(code: int) -> str:
    if code == EXIT_LOST:
        return "The worker that ran the task stood still for too long."
    if code == -9:
        return "The task's process was killed, most likely because the machine ran out of memory."
    return f"The task's process ended unexpectedly ({processes.describe_exit(code)})."
