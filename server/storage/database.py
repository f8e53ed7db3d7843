"""The database: SQLite or PostgreSQL through Tortoise, with the settings that keep both fast and correct.

`connect` and `disconnect` bracket the life of a process. Writing goes through `transaction()`; queries inside one
take its connection (`.using_db(connection)`, or `writer()`). Reads that may be a commit behind, and must not wait for a
writer, take `reader()`. What others may hear of only once it is written waits with `after_commit()`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient, TransactionContextPooled
from tortoise.backends.sqlite.client import SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connection, get_connections
from tortoise.transactions import in_transaction

from server.settings import Settings

MODELS = (
    "server.mail.models",
    "server.shops.models",
    "server.shops.answers",
    "server.access.models",
    "server.access.people.models",
    "server.access.oauth.models",
    "server.catalog.models",
    "server.events.models",
    "server.tasks.models",
    "server.serving.models",
)
MIGRATIONS = "server.storage.migrations"
_BUSY_TIMEOUT_MS = 20_000  # a worker's batch of some thousand rows may hold the write lock for a second or two
_CACHE_KIB = -16_000  # negative: KiB. With SQLite's default of 2 MB an insert of 5,000 events takes a quarter longer
_CHECKPOINT_PAGES = 4_000  # 16 MB of log between checkpoints; with the default of 4 MB bulk inserts take a third longer


async def _begin_immediate(self: SqliteTransactionWrapper) -> None:
    # SQLite's deferred BEGIN fails with "database is locked" as soon as two processes read and then write
    await self._connection.execute("BEGIN IMMEDIATE")


async def _enter_sqlite(self: SqliteTransactionContext) -> TransactionalDBClient:
    # Tortoise's own version keeps the lock for ever when BEGIN fails or is cancelled: after one "database is locked"
    # this process would never write again
    await self._trxlock.acquire()
    try:
        await self.ensure_connection()
        await self.connection.begin()
    except BaseException:
        try:
            if self.connection._connection:
                await self.connection._connection.rollback()  # a cancelled BEGIN may have happened all the same
        finally:
            self._trxlock.release()
        raise
    self.token = get_connections().set(self.connection_name, self.connection)
    return self.connection


async def _enter_postgres(self: TransactionContextPooled) -> TransactionalDBClient:
    # the same for the pool's connection: after five failures the pool would be empty
    await self.ensure_connection()
    pool: Any = self.client._parent._pool
    self.client._connection = await pool.acquire()
    try:
        await self.client.begin()
    except BaseException:
        await pool.release(self.client._connection)
        raise
    self.token = get_connections().set(self.connection_name, self.client)
    return self.client


SqliteTransactionWrapper.begin = _begin_immediate  # type: ignore[method-assign]
SqliteTransactionContext.__aenter__ = _enter_sqlite  # type: ignore[method-assign]
TransactionContextPooled.__aenter__ = _enter_postgres  # type: ignore[method-assign]


def url(settings: Settings) -> str:
    """The database's address in the form that Tortoise takes."""
    address = settings.database_url or f"sqlite://{settings.folder / 'vitrina.sqlite3'}"
    if address.startswith("sqlite://"):
        path = address.removeprefix("sqlite://").split("?")[0]
        pragmas = f"synchronous=FULL&busy_timeout={_BUSY_TIMEOUT_MS}&journal_size_limit=67108864"
        return f"sqlite://{path}?{pragmas}&cache_size={_CACHE_KIB}&wal_autocheckpoint={_CHECKPOINT_PAGES}"
    for scheme in ("postgresql://", "postgres://"):
        if address.startswith(scheme):
            return "asyncpg://" + address.removeprefix(scheme)
    return address


def config(settings: Settings) -> dict[str, Any]:
    """Tortoise's configuration. SQLite gets a second connection, so that reads never wait for an open transaction."""
    connections = {"default": url(settings)}
    if url(settings).startswith("sqlite://"):
        connections["reader"] = url(settings)
    app = {"models": list(MODELS), "default_connection": "default", "migrations": MIGRATIONS}
    return {"connections": connections, "apps": {"vitrina": app}, "use_tz": True, "timezone": "UTC"}


async def connect(settings: Settings) -> None:
    """Open the database for this process."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    await Tortoise.init(config=config(settings), _enable_global_fallback=True)


async def disconnect() -> None:
    """Close every connection; a process does not end while one of SQLite's is open."""
    await Tortoise.close_connections()


def writer() -> BaseDBAsyncClient:
    """The connection that writes and that reads its own writes."""
    return get_connection("default")


def reader() -> BaseDBAsyncClient:
    """A connection for reads only; on PostgreSQL the common pool."""
    return get_connection("reader") if is_sqlite() else get_connection("default")


def is_sqlite() -> bool:
    """Whether the open database is SQLite (else it is PostgreSQL)."""
    return writer().capabilities.dialect == "sqlite"


_waiting: ContextVar[list[Callable[[], Awaitable[object]]] | None] = ContextVar("waiting for a commit", default=None)


@asynccontextmanager
async def transaction() -> AsyncIterator[BaseDBAsyncClient]:
    """One transaction on the writing connection; rolled back when the block raises. On SQLite keep it short: it is the
    only writer of the whole installation.

    Inside another one it is a part of that, which can be rolled back by itself.
    """
    if _waiting.get() is not None:
        async with in_transaction("default") as connection:
            yield connection
        return
    waiting: list[Callable[[], Awaitable[object]]] = []
    token = _waiting.set(waiting)
    try:
        async with in_transaction("default") as connection:
            yield connection
    finally:
        _waiting.reset(token)
    for work in waiting:
        await work()


async def after_commit(work: Callable[[], Awaitable[object]]) -> None:
    """Do this once what is being written is there for everybody, and never if it is rolled back; at once where nothing
    is being written.
    """
    waiting = _waiting.get()
    if waiting is None:
        await work()
    else:
        waiting.append(work)
