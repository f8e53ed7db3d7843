"""What tests of tasks look at: rows, notes of the trial kind, and processes."""

import asyncio
import contextlib
import time
from pathlib import Path

from server.shops.tenancy import ACROSS_SHOPS
from server.tasks.models import RecommendationTask


async def until(status: str, task: RecommendationTask, timeout_s: float = 15.0) -> RecommendationTask:
    """Wait until the task has the status."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        row = await RecommendationTask.get(ACROSS_SHOPS, id=task.id)
        if row.status == status:
            return row
        assert time.monotonic() < give_up_at, f"still {row.status} ({row.error}) after {timeout_s} s"
        await asyncio.sleep(0.05)


def noted(notes: Path, what: str = "begin") -> list[str]:
    """The ids of tasks in the order in which they began or ended."""
    return [line.split()[0] for line in notes.read_text().splitlines() if line.split()[1] == what]


async def until_begun(notes: Path, times: int = 1, timeout_s: float = 15.0) -> None:
    """Wait until a child has begun to run, for the given time."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        if len(noted(notes)) >= times:
            return
        assert time.monotonic() < give_up_at, f"begun {len(noted(notes))} times after {timeout_s} s"
        await asyncio.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """The process ids of the children that run tasks."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"server.tasks.child" in command:
                found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
