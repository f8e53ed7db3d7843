"""A running Vitrina and its shops, spoken to from outside."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

START_TIMEOUT_S = 60
TASKS_TIMEOUT_S = 120


@dataclass
class Shop:
    """One shop of the installation, spoken to as its own program would."""

    http: httpx.Client
    shop_id: str
    publishable: str
    secret: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.secret}"}

    def import_file(self, path: Path, **options: str) -> dict[str, Any]:
        """Import a file and wait until everything it brought along is done; returns the import's result."""
        with path.open("rb") as stream:
            answer = self.http.post("/v1/imports", files={"file": stream}, data=options, headers=self.headers)
        assert answer.status_code == 202, answer.text
        task = self.wait(answer.json()["id"])
        self.wait_for_all()
        return task["result"]

    def wait(self, task_id: str) -> dict[str, Any]:
        """The task once it has succeeded."""
        deadline = time.monotonic() + TASKS_TIMEOUT_S
        while time.monotonic() < deadline:
            task = self.http.get(f"/v1/tasks/{task_id}", headers=self.headers).json()
            if task["status"] not in ("queued", "running"):
                assert task["status"] == "succeeded", task
                return task
            time.sleep(0.1)
        raise AssertionError(f"task {task_id} did not end")

    def wait_for_all(self) -> None:
        """Return when the shop has no unfinished task."""
        deadline = time.monotonic() + TASKS_TIMEOUT_S
        while time.monotonic() < deadline:
            tasks = self.http.get("/v1/tasks", headers=self.headers).json()["data"]
            if all(task["status"] not in ("queued", "running") for task in tasks):
                return
            time.sleep(0.1)
        raise AssertionError("the shop's tasks did not end")

    def recommend(self, **context: Any) -> dict[str, Any]:
        """One list, asked on a fresh connection so that any API process may answer."""
        with httpx.Client(base_url=self.http.base_url, trust_env=False) as fresh:
            answer = fresh.get("/v1/recommendations", params={"key": self.publishable, **context})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def track(self, **event: Any) -> dict[str, Any]:
        """Send one event with the publishable key; returns what was accepted."""
        answer = self.http.post("/v1/events", params={"key": self.publishable}, json={"events": [event]})
        assert answer.status_code == 202, answer.text
        return answer.json()


@dataclass
class Installation:
    """A running Vitrina."""

    http: httpx.Client
    folder: Path
    process: subprocess.Popen[bytes]

    def new_shop(self, name: str, **fields: str) -> Shop:
        """Create a shop with the operator's key."""
        key = (self.folder / "operator.key").read_text().strip()
        answer = self.http.post("/v1/shops", json={"name": name, **fields}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 201, answer.text
        shop = answer.json()
        return Shop(self.http, shop["id"], shop["keys"]["publishable"], shop["keys"]["secret"])


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Installation]:
    """`vitrina-server up` on a data folder of its own, stopped by SIGTERM and expected to end cleanly."""
    port = free_port()
    settings = {"data_folder": str(folder), "port": str(port), "log_format": "json"} | settings
    environment = os.environ | {f"VITRINA_{name.upper()}": value for name, value in settings.items()}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "server", "up"], env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
            wait_until_ready(http, process, folder / "up.log")
            yield Installation(http, folder, process)
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(20)
    assert ended == 0, (folder / "up.log").read_text()[-3000:]


def wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when everything the installation needs is there."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            if http.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)


def new_postgres_database(url: str) -> str:
    """The address of a new, empty database on the same PostgreSQL server."""
    name = f"journeys_{os.getpid()}_{time.time_ns()}"
    host = url.partition("host=")[2]

    async def create() -> None:
        connection = await asyncpg.connect(user="postgres", database="postgres", host=host)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return f"postgres://postgres:@/{name}?host={host}"


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
