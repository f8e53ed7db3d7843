"""What tests of tasks share: a trial kind, and real worker processes."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from server import tasks
from server.settings import Settings
from server.tasks.queue import Queue
from tests.tasks.trial import TRIALS

REPOSITORY = Path(__file__).parents[2]
_WORKER = """
import asyncio, sys
import msgspec
from server import logs, tasks
from server.settings import Settings
from server.tasks import worker
from tests.tasks.trial import TRIALS
tasks.KINDS.update(TRIALS)
settings = msgspec.json.decode(sys.argv[1], type=Settings)
logs.set_up(settings)
asyncio.run(worker.run(settings))
"""


@pytest.fixture(autouse=True)
def trial_kinds() -> Iterator[None]:
    before = dict(tasks.KINDS)
    tasks.KINDS.update(TRIALS)
    yield
    tasks.KINDS.clear()
    tasks.KINDS.update(before)


@pytest.fixture
def queue(settings: Settings, redis: Redis, db: None) -> Queue:
    return Queue(settings, redis)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.touch()
    return path


@pytest.fixture
def start_worker(settings: Settings, db: None, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    started: list[subprocess.Popen] = []

    def start(**changes: Any) -> subprocess.Popen:
        usual = {"log_level": "info", "log_format": "json", "search_by_meaning": False}
        told = msgspec.structs.replace(settings, **(usual | changes))
        command = [sys.executable, "-c", _WORKER, msgspec.json.encode(told).decode()]
        output = (tmp_path / "worker.log").open("ab")
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT)
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.terminate()
    for process in started:
        process.wait(10)
