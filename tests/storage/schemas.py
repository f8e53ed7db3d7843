"""Reads a database's schema and rows as they are, without the models, on SQLite and on PostgreSQL."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from typing import Any

import asyncpg

Rows = dict[str, list[tuple]]
BOOKKEEPING = "tortoise_migrations"
PARENTS = {"shops": "shop", "people": "person", "oauth_grants": "grant"}  # in the order in which they hang together


class SqliteFile:
    """A SQLite database file, looked at from outside."""

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(self, sql: str, values: tuple = ()) -> list[tuple]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    async def tables(self) -> list[str]:
        """Ordinary tables, a parent before its children; neither virtual tables nor what belongs to them."""
        rows = self.ask("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        virtual = [name for name, sql in rows if sql.upper().startswith("CREATE VIRTUAL")]
        names = [name for name, _ in rows if not any(name == v or name.startswith(f"{v}_") for v in virtual)]
        return sorted((name for name in names if name != BOOKKEEPING), key=_parents_first)

    async def schema(self) -> dict[str, set]:
        """What matters of the schema: columns, indexes, uniques and foreign keys of each table, triggers and views."""
        found: dict[str, set] = {}
        for table in await self.tables():
            found[f"{table} columns"] = {
                (name, kind, bool(required), default, pk > 0)
                for _, name, kind, required, default, pk in self.ask(f"PRAGMA table_info('{table}')")
            }
            found[f"{table} indexes"] = {
                (bool(unique), tuple(row[2] for row in self.ask(f"PRAGMA index_info('{name}')")))
                for _, name, unique, _, _ in self.ask(f"PRAGMA index_list('{table}')")
            }
            found[f"{table} foreign keys"] = {
                (row[2], row[3], row[4], row[6]) for row in self.ask(f"PRAGMA foreign_key_list('{table}')")
            }
        more = (
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%'"
        )
        found["more"] = set(self.ask(more))
        return found

    async def columns(self, table: str) -> list[tuple[str, str, int | None]]:
        """Name, type and greatest length of the columns that a row can be given."""
        rows = self.ask(f"PRAGMA table_info('{table}')")
        return [
            (name, *_type_and_length(kind)) for _, name, kind, _, _, pk in rows if not (pk and "INT" in kind.upper())
        ]

    async def insert(self, table: str, row: dict[str, Any]) -> None:
        marks = ", ".join("?" for _ in row)
        values = tuple(str(value) if isinstance(value, datetime) else value for value in row.values())
        self.ask(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)

    async def rows(self, columns: dict[str, list[str]]) -> Rows:
        return {
            table: sorted(self.ask(f"SELECT {', '.join(names)} FROM {table}"), key=repr)
            for table, names in columns.items()
        }


class PostgresDatabase:
    """A PostgreSQL database, looked at from outside."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._url)
        try:
            yield connection
        finally:
            await connection.close()

    async def ask(self, sql: str, *values: Any) -> list[tuple]:
        async with self._open() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *values)]

    async def tables(self) -> list[str]:
        rows = await self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return sorted((name for (name,) in rows if name != BOOKKEEPING), key=_parents_first)

    async def schema(self) -> dict[str, set]:
        columns = """SELECT table_name, column_name, udt_name, character_maximum_length, is_nullable, column_default,
                            generation_expression
                     FROM information_schema.columns WHERE table_schema = 'public'"""
        indexes = "SELECT tablename, regexp_replace(indexdef, 'INDEX \\S+ ON', 'INDEX ON') FROM pg_indexes"
        constraints = """SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
                         WHERE connamespace = 'public'::regnamespace"""
        triggers = "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
        return {
            "columns": set(await self.ask(columns)),
            "indexes": set(await self.ask(f"{indexes} WHERE schemaname = 'public'")),
            "constraints": set(await self.ask(constraints)),
            "triggers": set(await self.ask(triggers)),
        }

    async def columns(self, table: str) -> list[tuple[str, str, int | None]]:
        sql = """SELECT column_name, udt_name, character_maximum_length FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'
                   AND coalesce(column_default, '') NOT LIKE 'nextval%' AND is_identity = 'NO'"""
        return [(name, kind, length) for name, kind, length in await self.ask(sql, table)]

    async def insert(self, table: str, row: dict[str, Any]) -> None:
        marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await self.ask(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    async def rows(self, columns: dict[str, list[str]]) -> Rows:
        return {
            table: sorted(await self.ask(f"SELECT {', '.join(names)} FROM {table}"), key=repr)
            for table, names in columns.items()
        }


async def fill(database: SqliteFile | PostgresDatabase, count: int = 3) -> dict[str, list[str]]:
    """Put rows into every table, with a value in every column; gives each table's columns."""
    filled: dict[str, list[str]] = {}
    for table in await database.tables():
        columns = await database.columns(table)
        for number in range(count):
            row = {name: _value(table, name, kind, length, number) for name, kind, length in columns}
            await database.insert(table, {name: value for name, value in row.items() if value is not None})
        filled[table] = [name for name, _, _ in columns]
    return filled


def _parents_first(table: str) -> tuple[int, str]:
    parents = list(PARENTS)
    return parents.index(table) if table in parents else len(parents), table


def _value(table: str, column: str, kind: str, length: int | None, number: int) -> Any:
    parent = PARENTS.get(table, "") if column == "id" else column.removesuffix("_id")
    if parent in PARENTS.values() and column in ("id", f"{parent}_id"):
        return f"{parent}_{number}"
    kind = kind.lower()
    if "json" in kind:
        return f'{{"number":{number}}}'
    if "char" in kind or kind == "text":
        return f"{number}{column}"[:length]
    if "time" in kind:
        return datetime(2024, 2, 29, 12, number, tzinfo=UTC)
    if "bool" in kind:
        return True
    if kind in ("bytea", "blob"):
        return bytes([number, 255, 0])
    if "int" in kind:
        return number
    return number + 0.5 if kind in ("real", "float8", "double precision", "float") else None


def _type_and_length(declared: str) -> tuple[str, int | None]:
    kind, _, rest = declared.partition("(")
    return kind, int(rest.rstrip(")")) if rest.rstrip(")").isdigit() else None
