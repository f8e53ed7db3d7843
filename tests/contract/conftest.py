"""A running API process, as clients meet it, with two shops and their keys."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from server.access import keys
from server.settings import Settings
from server.shops.models import Shop


class Served(NamedTuple):
    """Where it answers, and what to show it."""

    url: str
    secret: str
    publishable: str
    operator: str


@pytest.fixture
async def stocked(shop: Shop, other_shop: Shop) -> tuple[str, str]:
    """The publishable and the secret key of a shop with an item of somebody else beside it."""
    _, publishable = await keys.create(shop, "publishable")
    _, secret = await keys.create(shop, "secret")
    return publishable, secret


@pytest.fixture
def served(settings: Settings, stocked: tuple[str, str]) -> Iterator[Served]:
    """A process of `vitrina-server serve`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VITRINA_")} | {
        "VITRINA_DATA_FOLDER": settings.data_folder,
        "VITRINA_DATABASE_URL": settings.database_url,
        "VITRINA_REDIS_URL": settings.redis_url,
        "VITRINA_PORT": str(port),
        "VITRINA_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "server", "serve"], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(process, url)
        yield Served(url, stocked[1], stocked[0], keys.operator_key(settings))
    finally:
        process.terminate()
        process.wait(15)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", url: str) -> None:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        assert process.poll() is None, "the server ended at its start"
        try:
            if httpx.get(f"{url}/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
