"""Runs the slow reading of a file in a thread, telling meanwhile how far it is."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

_LOOK_EVERY_S = 0.25

Progress = Callable[[str, int, int, str], Awaitable[None]]  # stage, done, total (0: unknown), unit
T = TypeVar("T")


class Stopped(Exception):  # noqa: N818  it reads as what happened
    """The reader was asked to stop."""


class Watch:
    """Between the thread that reads and the coroutine that waits for it."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.share = 0.0
        self.rows = 0

    def tick(self, rows: int, share: float) -> None:
        """The reader's sign of life.

        Raises:
            Stopped: nobody waits for the result any more.

        """
        if self._stop.is_set():
            raise Stopped
        self.rows, self.share = rows, share

    def stop(self) -> None:
        """Let the next `tick` raise."""
        self._stop.set()


async def read_in_thread(read: Callable[[Watch], T], stage: str, progress: Progress) -> T:
    """The result of `read`. When `progress` raises, the reader is stopped and the error goes on to the caller."""
    watch = Watch()
    thread = asyncio.ensure_future(asyncio.to_thread(read, watch))
    try:
        while not thread.done():
            await asyncio.wait({thread}, timeout=_LOOK_EVERY_S)
            await progress(stage, int(watch.rows), int(watch.rows / watch.share) if watch.share > 0 else 0, "rows")
    except BaseException:
        watch.stop()
        await asyncio.wait({thread})
        raise
    return thread.result()
