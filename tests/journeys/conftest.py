"""A whole installation, started as an operator would start it: `vitrina-server up` with two API processes and a worker,
on a database and a data folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from tests.journeys.installation import Installation, free_port, new_postgres_database, wait_until_ready

KIND = os.environ.get("VITRINA_TEST_DATABASE", "sqlite")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Installation]:
    """`vitrina-server up`, stopped by SIGTERM at the end and expected to end cleanly."""
    folder = tmp_path_factory.mktemp("installation")
    port = free_port()
    environment = os.environ | {
        "VITRINA_DATA_FOLDER": str(folder),
        "VITRINA_PORT": str(port),
        "VITRINA_API_PROCESSES": "2",
        "VITRINA_LOG_FORMAT": "json",
    }
    if KIND == "postgres":
        environment["VITRINA_DATABASE_URL"] = new_postgres_database(database_url)
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "server", "up"], env=environment, stdout=log, stderr=log)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
        wait_until_ready(http, process, folder / "up.log")
        if KIND == "postgres":  # where the database is another server's, somebody has to run the installation
            command = [sys.executable, "-m", "server", "create-owner", "owner@vitrina.test", "--password-stdin"]
            subprocess.run(command, env=environment, input=b"correct horse battery\n", check=True, timeout=60)
        yield Installation(http, folder, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.fixture(scope="module")
def installation_redis(installation: Installation) -> Iterator[Redis]:
    """The embedded Redis of the installation, to take it away."""
    client = Redis.from_url(f"unix://{installation.folder / 'redis' / 'redis.sock'}")
    yield client
    client.close()
