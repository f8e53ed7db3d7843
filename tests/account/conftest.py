"""People, and browsers in which they visit the pages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from server.access.people import accounts, passwords
from server.access.people.models import Person
from server.settings import Settings
from server.shops import members
from server.shops.models import Shop
from tests.account.programs import Program
from tests.account.visitor import PASSWORD, Visitor, letters


@pytest.fixture
async def anna(app: Starlette) -> Person:
    """Who owns the installation."""
    return await accounts.open_account(
        "anna@shop.example", "Anna", await passwords.hashed(PASSWORD), verified=True, runs_installation=True
    )


@pytest.fixture
async def browse(app: Starlette) -> AsyncIterator[Callable[..., Visitor]]:
    """`browse()` is a new browser; `address` the visitor's, as the proxy in front tells it."""
    opened: list[httpx.AsyncClient] = []

    def new(address: str = "198.51.100.7") -> Visitor:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 4711))
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000"))
        return Visitor(opened[-1])

    yield new
    for client in opened:
        await client.aclose()


@pytest.fixture
def visitor(browse: Callable[..., Visitor]) -> Visitor:
    """A browser."""
    return browse()


@pytest.fixture
def mailbox(settings: Settings) -> Callable[[int], Awaitable[list[tuple[str, str, str]]]]:
    """`await mailbox(2)`: the letters written so far, once there are two."""

    async def wait_for(count: int) -> list[tuple[str, str, str]]:
        for _ in range(200):
            if len(found := letters(Path(settings.data_folder))) >= count:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"no {count} letters: {letters(Path(settings.data_folder))}")

    return wait_for


@pytest.fixture
async def owned(anna: Person) -> Shop:
    """A shop of Anna's."""
    shop = await Shop.create(id="shop_annas", slug="annas", name="Anna's shop")
    await members.add(shop.id, anna.id, "owner")
    return shop


@pytest.fixture
async def annas(visitor: Visitor, anna: Person, owned: Shop) -> Visitor:
    """A browser in which Anna is signed in."""
    assert (await visitor.sign_in(anna.email)).status_code == 303
    return visitor


@pytest.fixture
def program(client: httpx.AsyncClient) -> Program:
    """A program that asks for access."""
    return Program(client)
