"""Brings the database to the schema of this code, one process at a time, without losing a row, an index or a rule.

For those who change models: `python -m server.storage.migrating make a_short_name` writes the migration that is needed,
`python -m server.storage.migrating check` says whether one is.
"""

import argparse
import asyncio
import fcntl
import importlib
import pkgutil
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import OperationalError
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.writer import MigrationWriter, format_migration_name
from tortoise.models import Model

from server.settings import Settings
from server.storage import database

LATEST = "__latest__"
_LOCK = 0x76697472  # "vitr": the advisory lock that keeps two migrating processes apart on PostgreSQL

log = structlog.get_logger(__name__)


class SchemaError(RuntimeError):
    """The database's schema does not fit this code; the message says what to do."""


async def migrate(settings: Settings, target: str = LATEST) -> list[str]:
    """Apply every migration that is missing, up to `target` (a migration's full name); gives what was applied.

    SQLite rebuilds a table by dropping the old one, which with foreign keys on would delete all child rows, and the
    rebuilt table lacks its indexes: so keys are off while migrating, and missing indexes are made again afterwards.

    Raises:
        SchemaError: the database was migrated by a newer Vitrina.

    """
    settings.folder.mkdir(parents=True, exist_ok=True)
    config = database.config(settings)
    address = database.url(settings)
    if address.startswith("sqlite://"):
        address += "&foreign_keys=OFF"
        _file(settings).parent.mkdir(parents=True, exist_ok=True)
    config["connections"] = {"default": address}
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        async with _alone(settings):
            return await _apply(settings, config["apps"], target)
    finally:
        await database.disconnect()


async def missing() -> list[str]:
    """The migrations that the open database lacks, oldest first.

    Raises:
        SchemaError: the database was migrated by a newer Vitrina.

    """
    applied, written = await _applied(database.writer()), known()
    if newer := sorted(applied - set(written)):
        raise SchemaError(
            f"The database was migrated by a newer Vitrina ({', '.join(newer)}). Install that version again, or "
            "restore the backup from before."
        )
    return [name for name in written if name not in applied]


def known() -> list[str]:
    """Every migration of this code, oldest first."""
    package = importlib.import_module(database.MIGRATIONS)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


async def pending(settings: Settings) -> list[str]:
    """The same for a database that is not open."""
    await database.connect(settings)
    try:
        return await missing()
    finally:
        await database.disconnect()


async def require_current() -> None:
    """Make sure that the open database has the schema of this code.

    Raises:
        SchemaError: it has not.

    """
    if names := await missing():
        raise SchemaError(
            f"The database lacks {len(names)} of its migrations ({', '.join(names)}). Run `vitrina-server migrate` "
            "first, or use `vitrina-server up`, which does."
        )


async def _apply(settings: Settings, apps: dict[str, Any], target: str) -> list[str]:
    connection = database.writer()
    before, lacking = await _applied(connection), await missing()
    if database.is_sqlite() and before and lacking:
        await asyncio.to_thread(_back_up, _file(settings), lacking[0])
    if not lacking and target == LATEST:
        return []
    await MigrationExecutor(connection, apps).migrate([MigrationTarget("vitrina", target)])
    if database.is_sqlite():
        await _repair_sqlite(connection, complete=target == LATEST)
    names = sorted(await _applied(connection) - before)
    for name in names:
        log.info("database.migrated", migration=name)
    return names


async def _repair_sqlite(connection: BaseDBAsyncClient, *, complete: bool) -> None:
    if complete:
        await Tortoise.generate_schemas(safe=True)  # which makes indexes that are missing, but no rules of uniqueness
        for model in (Tortoise.apps or {})["vitrina"].values():
            await _restore_uniques(connection, model)
    _, broken = await connection.execute_query("PRAGMA foreign_key_check")
    if broken:
        raise SchemaError(
            f"{len(broken)} rows point at nothing after migrating. Restore the backup that lies beside the database."
        )


async def _restore_uniques(connection: BaseDBAsyncClient, model: type[Model]) -> None:
    """Make again what the model declares unique together and a rebuilt table forgot."""
    table = model._meta.db_table
    present: set[tuple[str, ...]] = set()
    for index in await connection.execute_query_dict(f"PRAGMA index_list('{table}')"):
        if index["unique"]:
            columns = await connection.execute_query_dict(f"PRAGMA index_info('{index['name']}')")
            present.add(tuple(column["name"] for column in columns))
    for fields in model._meta.unique_together:
        columns = tuple(model._meta.fields_db_projection.get(field, field) for field in fields)
        if columns not in present:
            name = f"uid_{table}_{'_'.join(columns)}"
            await connection.execute_script(f'CREATE UNIQUE INDEX "{name}" ON "{table}" ({", ".join(columns)})')


def _back_up(file: Path, first: str) -> None:
    """Copy the database file aside, by SQLite's own means, so that a copy taken while others write is whole."""
    backup = file.with_name(f"{file.name}.before-{first}")
    if shutil.disk_usage(file.parent).free < 1.5 * file.stat().st_size:
        log.warning("database.not_backed_up", reason="not enough disk space", file=str(file))
        return
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    log.info("database.backed_up", file=str(backup))


async def _applied(connection: BaseDBAsyncClient) -> set[str]:
    try:
        _, rows = await connection.execute_query("SELECT name FROM tortoise_migrations WHERE app = 'vitrina'")
    except OperationalError:  # no such table: nothing was ever applied
        return set()
    return {row["name"] for row in rows}


def _file(settings: Settings) -> Path:
    return Path(database.url(settings).removeprefix("sqlite://").split("?")[0])


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    """Keep other migrating processes out, for SQLite by a lock file beside the database."""
    if database.is_sqlite():
        file = _file(settings)
        with file.with_name(f"{file.name}.migrating").open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            yield
        return
    held = await _own_connection(database.writer())
    try:
        await held.execute(f"SELECT pg_advisory_lock({_LOCK})")
        yield
    finally:
        await held.close()  # which lets go of the lock


async def _own_connection(client: Any) -> Any:
    """A connection to PostgreSQL outside the pool. The lock belongs to it for its whole life, and a pool of one
    connection still has that one for the migrations.
    """
    return await asyncpg.connect(
        host=client.host,
        port=client.port,
        user=client.user,
        password=client.password,
        database=client.database,
        server_settings=client.server_settings,
        **client.extra,
    )


async def needed() -> list[MigrationWriter]:
    """The migrations that the models need and nobody has written yet; at most one."""
    config = database.config(Settings())
    config["connections"] = {"default": "sqlite://:memory:"}
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        return await MigrationAutodetector(Tortoise.apps, config["apps"]).changes()  # type: ignore[arg-type]
    finally:
        await database.disconnect()


def main() -> int:
    """The two commands for those who change models."""
    parser = argparse.ArgumentParser(prog="python -m server.storage.migrating")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say whether the models need a migration that is not written yet")
    make = commands.add_parser("make", help="write that migration")
    make.add_argument("name", help="a few words on what it does: add_item_weight")
    arguments = parser.parse_args()
    writers = asyncio.run(needed())
    if not writers:
        print("The models need no new migration.")
        return 0
    if arguments.command == "check":
        print("The models changed: run `python -m server.storage.migrating make a_short_name`.")
        return 1
    writer = writers[0]
    writer.name = format_migration_name(len(known()) + 1, arguments.name)
    print(f"Wrote {writer.write()}. Read it, and run the tests of tests/storage.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
