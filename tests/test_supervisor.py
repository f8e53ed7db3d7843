"""`vitrina-server up` as an operator meets it: it starts, mends itself, stops, and says what is wrong."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from server import checks
from server.settings import Settings

pytestmark = pytest.mark.slow


class Up:
    """One `vitrina-server up` in a data folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.log"
        given = {"DATA_FOLDER": str(folder), "PORT": str(self.port), "LOG_FORMAT": "json", "API_PROCESSES": "2"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VITRINA_")}
        self.environment = inherited | {f"VITRINA_{name}": value for name, value in (given | settings).items()}
        self.process = self.start()

    def start(self) -> subprocess.Popen:
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "server", "up"]
            return subprocess.Popen(command, env=self.environment, stdout=output, stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.log.read_text()

    def until(self, holds: Callable[[], object], timeout_s: float = 30) -> None:
        give_up_at = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < give_up_at, self.said()[-3000:]
            time.sleep(0.05)

    def until_greeting(self) -> None:
        self.until(lambda: "Vitrina is up at" in self.said())

    def ready(self) -> dict | None:
        with contextlib.suppress(OSError):
            return json.load(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=3))
        return None

    def members(self, word: str = "") -> list[psutil.Process]:
        """The processes of the family whose command line holds the word."""
        found = []
        for member in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended a moment ago
                if word in " ".join(member.cmdline()):
                    found.append(member)
        return found


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=0)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(name: str = "data", **settings: str) -> Up:
        started.append(Up(tmp_path / name, **settings))
        return started[-1]

    yield start
    for each in started:
        each.process.terminate()
        each.process.wait(15)


def test_everything_starts_and_ctrl_c_ends_it_in_order(up):
    vitrina = up()
    vitrina.until_greeting()
    assert vitrina.ready()["status"] == "ready"
    family = vitrina.members()
    assert len(vitrina.members("server serve")) == 2
    assert len(vitrina.members("redis-server")) == 1
    assert (vitrina.folder / "redis").stat().st_mode & 0o777 == 0o700
    asked = time.monotonic()
    vitrina.process.send_signal(signal.SIGINT)
    assert vitrina.process.wait(10) == 0
    assert time.monotonic() - asked < 6
    assert gone(family)
    assert "Traceback" not in vitrina.said()

    vitrina.log.unlink()
    again = time.monotonic()
    vitrina.process = vitrina.start()
    vitrina.until_greeting()
    assert time.monotonic() - again < 10


def test_killed_supervisor_leaves_nobody_behind(up):
    vitrina = up()
    vitrina.until_greeting()
    family = vitrina.members()
    vitrina.process.kill()
    vitrina.process.wait(5)
    vitrina.until(lambda: gone(family), 5)


@pytest.mark.parametrize("word", ["server serve", "server worker", "redis-server"])
def test_killed_member_is_started_again(up, word):
    vitrina = up()
    vitrina.until_greeting()
    killed = vitrina.members(word)
    for member in killed:
        member.kill()
    vitrina.until(lambda: len(vitrina.members(word)) == len(killed) and gone(killed))
    vitrina.until(lambda: (vitrina.ready() or {}).get("status") == "ready")
    assert vitrina.process.poll() is None


def test_redis_log_that_cannot_be_read_is_set_aside(up, tmp_path):
    folder = tmp_path / "data" / "redis"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof").write_bytes(b"*3\r\nnonsense that no server wrote\r\n")
    vitrina = up()
    vitrina.until_greeting()
    assert (folder / "appendonly.aof.broken").exists()


def test_second_start_on_the_same_folder_names_the_first(up):
    first = up()
    first.until_greeting()
    second = up()
    assert second.process.wait(10) == 1
    assert f"already runs on {first.folder}" in second.said()
    assert f"process {first.process.pid} at http://127.0.0.1:{first.port}" in second.said()
    assert first.ready()["status"] == "ready"


def test_taken_port_says_what_to_do(up):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        vitrina = up(PORT=str(other.getsockname()[1]))
        assert vitrina.process.wait(10) == 1
    assert "is taken" in vitrina.said()
    assert "VITRINA_PORT" in vitrina.said()


def test_data_folder_that_cannot_be_written_says_what_to_do(up, tmp_path):
    (tmp_path / "file").touch()
    vitrina = up(DATA_FOLDER=str(tmp_path / "file" / "data"))
    assert vitrina.process.wait(10) == 1
    assert "cannot be written" in vitrina.said()
    assert "VITRINA_DATA_FOLDER" in vitrina.said()


def test_database_that_is_not_there_says_so_and_leaves_nobody_behind(up):
    vitrina = up(DATABASE_URL="postgres://nobody:wrong@127.0.0.1:1/none")
    assert vitrina.process.wait(30) == 1
    assert "database could not be brought up to date" in vitrina.said()
    assert "Traceback" not in vitrina.said()


@pytest.mark.parametrize(("free", "verdict"), [(10e9, "good"), (0.5e9, "mind"), (0.1e9, "bad")])
def test_disk_space_is_looked_at(monkeypatch, tmp_path, free, verdict):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": int(free)}))
    found = checks.disk(Settings(data_folder=str(tmp_path)))
    assert found.verdict == verdict
    assert bool(found.advice) == (verdict != "good")
