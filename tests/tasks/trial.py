"""A kind of task for tests: does what its parameters say, and notes in a file when it began and ended."""

import asyncio
import os
import signal
import time
from pathlib import Path

import numpy as np

from server.tasks.kind import Kind
from server.tasks.run import TaskFailed, TaskRun

TRIALS = {
    "trial": Kind("tests.tasks.trial", writes="trial", short_below=100),
    "neighbour": Kind("tests.tasks.trial", writes="trial", short_below=100),
    "hasty": Kind("tests.tasks.trial", writes="hasty", short_below=100, time_limit_s=1.0),
}
STAGES = {"first": 1.0, "second": 3.0}


async def run(run: TaskRun) -> dict:
    _note(run, "begin")
    action = run.params.get("do", "nothing")
    if action == "sleep":
        await asyncio.sleep(run.params["seconds"])
    elif action == "count":
        await _count(run)
    elif action == "block":
        _block(run.params["seconds"])
    elif action == "compute":
        await asyncio.to_thread(_compute, run.params["seconds"])
    elif action == "fail":
        raise TaskFailed("The file has no rows. Export it again.")
    elif action == "break":
        raise RuntimeError("secret inside")
    elif action == "die":
        os.kill(os.getpid(), run.params.get("signal", signal.SIGSEGV))
    elif action == "talk":
        print("a library's plain words", flush=True)
    _note(run, "end")
    return {"attempt": run.attempt}


async def _count(run: TaskRun) -> None:
    for number in range(run.params["to"]):
        await run.progress("first", number, run.params["to"], "rows")
        await asyncio.sleep(run.params["pause"])
    await run.progress("second", 1, 2, "rows")
    await run.progress("first", 0, 1, "rows")  # once more, as a training that reads the catalog twice
    await asyncio.sleep(0.3)


def _block(seconds: float) -> None:
    time.sleep(seconds)  # as a library does that never gives the loop a turn


def _compute(seconds: float) -> None:
    matrix, ends_at = np.ones((3_000, 3_000)), time.monotonic() + seconds
    while time.monotonic() < ends_at:
        matrix @ matrix  # in a library that hears no signal meanwhile


def _note(run: TaskRun, what: str) -> None:
    with Path(run.params["notes"]).open("a") as file:
        file.write(f"{run.task_id} {what} {os.getpid()} {time.time()}\n")
