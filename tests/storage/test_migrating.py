"""Migrations, on a filled database of every earlier version: no row, index or rule is lost on the way to this one."""

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from tortoise import Tortoise

from server.settings import Settings
from server.storage import database, migrating
from tests.storage.schemas import PostgresDatabase, SqliteFile, fill

POSTGRES = os.environ.get("VITRINA_TEST_DATABASE") == "postgres"
CHANGE_OF_A_PARENT = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

class Migration(migrations.Migration):
    dependencies = [("vitrina", "{last}")]
    operations = [
        ops.AlterField("Shop", "name", fields.CharField(max_length=200)),
        ops.AlterField("Item", "brand", fields.CharField(max_length=300, db_default="")),
    ]
"""


@pytest.fixture
def new_database(tmp_path: Path, database_url: str, redis_url: str):
    """Gives an empty database of this test's own: its settings, and a way to look into it."""

    async def make() -> tuple[Settings, SqliteFile | PostgresDatabase]:
        name = f"migrating_{uuid.uuid4().hex}"
        if POSTGRES:
            connection = await asyncpg.connect(database_url)
            await connection.execute(f"CREATE DATABASE {name}")
            await connection.close()
            url = database_url.replace("/postgres?", f"/{name}?")
            look = PostgresDatabase(url)
        else:
            url, look = f"sqlite://{tmp_path / name}.sqlite3", SqliteFile(f"{tmp_path / name}.sqlite3")
        return Settings(data_folder=str(tmp_path), database_url=url, redis_url=redis_url), look

    return make


@pytest.mark.parametrize("version", migrating.known())
async def test_filled_database_of_an_earlier_version_becomes_like_a_new_one(new_database, version):
    old_settings, old = await new_database()
    await migrating.migrate(old_settings, version)
    columns = await fill(old)
    before = await old.rows(columns)
    assert {"shops", "items", "events", "tasks"} <= set(before)
    assert all(len(rows) == 3 for rows in before.values())

    await migrating.migrate(old_settings)

    fresh_settings, fresh = await new_database()
    await migrating.migrate(fresh_settings)
    assert await old.schema() == await fresh.schema()
    assert await old.rows(columns) == before
    assert await migrating.pending(old_settings) == []


async def test_migrations_make_what_the_models_describe(new_database):
    settings, migrated = await new_database()
    await migrating.migrate(settings)
    other, described = await new_database()
    await database.connect(other)
    await Tortoise.generate_schemas()
    await database.disconnect()
    have, want = await migrated.schema(), await described.schema()
    missing = {part: rules - have.get(part, set()) for part, rules in want.items() if rules - have.get(part, set())}
    assert missing == {}


async def test_models_need_no_migration_that_is_not_written():
    assert [writer.as_string() for writer in await migrating.needed()] == []


async def test_changing_a_parent_table_keeps_its_children_and_indexes(new_database, tmp_path, monkeypatch):
    package = tmp_path / "trial_migrations"
    shutil.copytree(Path(migrating.__file__).parent / "migrations", package)
    last = migrating.known()[-1]
    (package / "9000_change.py").write_text(CHANGE_OF_A_PARENT.format(last=last))
    monkeypatch.syspath_prepend(tmp_path)
    settings, look = await new_database()
    await migrating.migrate(settings)
    columns = await fill(look)
    rows, indexes = await look.rows(columns), await _indexes(look)

    monkeypatch.setattr(database, "MIGRATIONS", "trial_migrations")
    assert await migrating.migrate(settings) == ["9000_change"]

    assert await look.rows(columns) == rows
    assert await _indexes(look) == indexes
    if not POSTGRES:
        backup = SqliteFile(f"{settings.database_url.removeprefix('sqlite://')}.before-9000_change")
        assert await backup.rows(columns) == rows


async def _indexes(look: SqliteFile | PostgresDatabase) -> dict[str, set]:
    return {part: rules for part, rules in (await look.schema()).items() if part.endswith("indexes")}


async def test_migrating_again_changes_nothing(new_database):
    settings, look = await new_database()
    assert await migrating.migrate(settings) == migrating.known()
    before = await look.schema()
    assert await migrating.migrate(settings) == []
    assert await look.schema() == before


async def test_database_of_a_newer_version_is_refused(new_database):
    settings, _ = await new_database()
    await migrating.migrate(settings)
    await database.connect(settings)
    await database.writer().execute_query(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('vitrina', '9999_future', '2030-01-01')"
    )
    await database.disconnect()
    for use in (migrating.migrate, migrating.pending):
        with pytest.raises(migrating.SchemaError, match=r"newer Vitrina \(9999_future\)"):
            await use(settings)


async def test_database_without_its_migrations_is_told_of(new_database):
    settings, _ = await new_database()
    assert await migrating.pending(settings) == migrating.known()
    await database.connect(settings)
    with pytest.raises(migrating.SchemaError, match="vitrina-server migrate"):
        await migrating.require_current()
    await database.disconnect()


@pytest.mark.slow
async def test_three_processes_that_migrate_at_once_all_succeed(new_database):
    settings, look = await new_database()
    environment = os.environ | {
        "VITRINA_DATABASE_URL": settings.database_url,
        "VITRINA_DATA_FOLDER": settings.data_folder,
    }
    command = [sys.executable, "-m", "server", "migrate"]
    run = partial(subprocess.run, command, env=environment, capture_output=True, timeout=60)
    for ended in await asyncio.gather(*[asyncio.to_thread(run) for _ in range(3)]):
        assert ended.returncode == 0, ended.stderr.decode()
    assert await migrating.pending(settings) == []
    assert "shops" in await look.tables()


@pytest.mark.slow
async def test_worker_refuses_a_database_without_migrations(new_database):
    settings, _ = await new_database()
    environment = os.environ | {
        "VITRINA_DATABASE_URL": settings.database_url,
        "VITRINA_DATA_FOLDER": settings.data_folder,
        "VITRINA_REDIS_URL": settings.redis_url,
    }
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "server", "worker"], env=environment, capture_output=True, timeout=60
    )
    assert ended.returncode == 1
    assert b"vitrina-server migrate" in ended.stderr
    assert b"Traceback" not in ended.stderr
