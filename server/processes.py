"""Processes that hold together: a child never outlives its parent, and one that ends is started again.

Used by the supervisor for the whole family and by a worker for what it keeps running.
"""

import asyncio
import contextlib
import ctypes
import functools
import os
import signal
import time
from collections.abc import Mapping, Sequence

import structlog

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_QUICK_S = 5.0  # a process that lives shorter than this did not start well

log = structlog.get_logger(__name__)


class GivenUp(RuntimeError):  # noqa: N818 - reads as what happened
    """A process ended again and again right after its start; the message says which and how."""


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when `parent` ends, however it ends; at once, if it already has."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def describe_exit(code: int) -> str:
    """An exit status in words: "exit code 3", "killed by SIGSEGV"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


async def end(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """Ask a process that leads its own session to end; after `grace_s` kill it and everything it started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_s)
    kill_group(process)
    await process.wait()


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process that leads its own session, and everything it started that is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class Kept:
    """One child process that is started again when it ends, after a pause that grows while it keeps failing."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        give_up_after: int | None = None,
        longest_pause_s: float = 10.0,
    ) -> None:
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self._command = command
        self._environment = environment
        self._give_up_after = give_up_after
        self._longest_pause_s = longest_pause_s
        self._stopping = False

    async def keep(self) -> None:
        """Run it until `stop`.

        Raises:
            GivenUp: it ended `give_up_after` times in a row right after its start.

        """
        failures = 0
        while not self._stopping:
            began = time.monotonic()
            self.process = await self._start()
            if self._stopping:  # asked while it was being started
                kill_group(self.process)
            code = await self.process.wait()
            kill_group(self.process)
            if self._stopping:
                return
            failures = failures + 1 if time.monotonic() - began < _QUICK_S else 1
            if failures == self._give_up_after:
                raise GivenUp(f"{self.name} ended {failures} times right after its start ({describe_exit(code)}).")
            pause_s = min(0.25 * 2.0**failures, self._longest_pause_s)
            log.error("process.ended", process=self.name, exit=describe_exit(code), starts_again_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def stop(self, grace_s: float) -> None:
        """End it for good, within `grace_s` and a moment."""
        self._stopping = True
        if self.process is not None:
            await end(self.process, grace_s)

    def kill(self) -> None:
        """End it now."""
        self._stopping = True
        if self.process is not None:
            kill_group(self.process)

    async def _start(self) -> asyncio.subprocess.Process:
        # its own session: Ctrl-C in the terminal reaches only the parent, which then stops things in the right order
        return await asyncio.create_subprocess_exec(
            *self._command,
            env=dict(self._environment),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=functools.partial(die_with_parent, os.getpid()),
        )
