"""A dictionary on disk, for formats whose variants stand apart from their product: flat memory at any size."""

import sqlite3
from typing import Any, Self

import msgspec

_BATCH = 5_000


class Lookup:
    """Keys and values of one reading of one file; gone when it is closed."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # an unnamed file that SQLite removes by itself
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA cache_size=-16000")
        self._database.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
        self._waiting: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def put(self, key: str, value: Any) -> None:
        """Remember a JSON value; a later one for the same key replaces it."""
        self._waiting[key] = msgspec.json.encode(value)
        if len(self._waiting) >= _BATCH:
            self._write()

    def get(self, key: str) -> Any:
        """The value, or None."""
        self._write()
        row = self._database.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def _write(self) -> None:
        if self._waiting:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", self._waiting.items())
            self._database.execute("COMMIT")
            self._waiting.clear()
