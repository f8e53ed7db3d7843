"""Telling how far heavy work is: the work goes on in a thread, while this one reports and can be told to stop."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

_REPORT_EVERY_S = 0.2

T = TypeVar("T")
Report = Callable[[str, int, int], None]  # stage, done, total


class Progress(Protocol):
    """Who wants to know how far it is; a running task."""

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """`done` of `total` units of a stage; raises when the work is no longer wanted."""


class Silent:
    """Nobody wants to know."""

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """Do nothing."""


async def beside(run: Progress, stage: str, work: Callable[[Report], T], total: int = 0, unit: str = "") -> T:
    """Do `work` in a thread. It begins with this stage and names others as it comes to them."""
    told = (stage, 0, total)

    def report(stage: str, done: int, total: int) -> None:
        nonlocal told
        told = (stage, done, total)

    await run.progress(*told, unit)
    working = asyncio.ensure_future(asyncio.to_thread(work, report))
    while not (await asyncio.wait([working], timeout=_REPORT_EVERY_S))[0]:
        await run.progress(*told, unit)
    return await working
