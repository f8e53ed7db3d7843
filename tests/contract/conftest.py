"""A running API process, as clients meet it, with two shops and their keys."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import msgspec
import pytest

from server.access import keys
from server.access.oauth.clients import TERMINAL
from server.access.oauth.provider import allow
from server.access.oauth.signing import SigningKeys
from server.access.oauth.tokens import Tokens
from server.access.people import accounts
from server.settings import Settings
from server.shops import members
from server.shops.models import Shop
from server.storage.secret import Secret
from tests.journeys.installation import free_port


class Served(NamedTuple):
    """Where it answers, and what to show it."""

    url: str
    secret: str
    publishable: str
    operator: str
    member: str


@pytest.fixture
def port() -> int:
    """Where the process shall listen."""
    return free_port()


@pytest.fixture
async def stocked(settings: Settings, port: int, shop: Shop, other_shop: Shop) -> tuple[str, str, str]:
    """The publishable key, the secret key and an owner's access token of a shop with another one beside it."""
    _, publishable = await keys.create(shop, "publishable")
    _, secret = await keys.create(shop, "secret")
    owner = await accounts.open_account("owner@shop.example", "", None, verified=True, runs_installation=True)
    await members.add(shop.id, owner.id, "owner")
    grant = await allow(owner, TERMINAL, "admin", "")
    tokens = Tokens(msgspec.structs.replace(settings, port=port), SigningKeys(Secret(settings)))
    return publishable, secret, await tokens.sign(grant, "admin")


@pytest.fixture
def served(settings: Settings, port: int, stocked: tuple[str, str, str]) -> Iterator[Served]:
    """A process of `vitrina-server serve`."""
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
        yield Served(url, stocked[1], stocked[0], keys.operator_key(settings), stocked[2])
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
