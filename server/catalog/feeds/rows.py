"""What every format's reader takes and gives: the head of a file, and its rows, withdrawn items and problems."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from server.catalog.options import ImportOptions
from server.files import delimited
from server.files.opening import Opened

_SAMPLE_ROWS = 60


class Problem(msgspec.Struct, frozen=True):
    """A row that cannot become an item: where, what was found, what was expected. `column` is empty for whole rows."""

    line: int
    column: str
    found: str
    expected: str
    item_id: str = ""


class Row(NamedTuple):
    """An item as the file has it: plain values for `fields.read`. `columns` names the column each field came from."""

    line: int
    item: dict[str, Any]
    columns: Mapping[str, str]


class Withdrawn(NamedTuple):
    """An item that the file names but that is not on sale (a draft, an archived product): it must not be shown."""

    line: int
    item_id: str


Found = Row | Withdrawn | Problem


class BadCell(ValueError):  # noqa: N818  it names what is bad
    """A cell that does not hold what its column promises."""

    def __init__(self, column: str, found: str, expected: str) -> None:
        super().__init__(f"{column}: {found}")
        self.column = column
        self.found = found
        self.expected = expected

    def at(self, line: int, item_id: str = "") -> Problem:
        """The problem of a row."""
        return Problem(line, shown(self.column), shown(self.found), self.expected, item_id[:128])


@dataclass(frozen=True)
class Head:
    """The beginning of a file: its text, and as a table if it is one. `sample`: some whole rows below the header."""

    text: str
    name: str
    table: delimited.Table | None
    sample: tuple[tuple[str, ...], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns; none where the file is no table."""
        return self.table.columns if self.table else ()


class Reader(Protocol):
    """What a format's module offers."""

    def sniff(self, head: Head) -> float:
        """How surely the file is of this format, from 0 to 1."""
        ...

    def rows(self, opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
        """Everything that the file holds."""
        ...


def as_reader(module: ModuleType) -> Reader:
    """A format's module, typed."""
    return cast(Reader, module)


def head_of(opened: Opened) -> Head:
    """The head of an opened file."""
    start = opened.head.lstrip()
    table = None if start.startswith(("<", "{", "[")) else delimited.layout(opened.head)
    return Head(opened.head, opened.name, table, _sample(opened.head, table) if table else ())


def _sample(text: str, table: delimited.Table) -> tuple[tuple[str, ...], ...]:
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=table.delimiter)
    rows: list[tuple[str, ...]] = []
    try:
        for cells in reader:
            if reader.line_num > table.header_line and any(cells):
                rows.append(tuple(cells[: len(table.columns)]))
            if len(rows) > _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return tuple(rows[:-1] if len(rows) > 1 else rows)  # the last one may be cut off


def broken(found: delimited.Broken) -> Problem:
    """A row that the table's reader could not read."""
    return Problem(found.line, "", found.found, found.expected)


def shown(text: str) -> str:
    """A cell's text in a report: short and on one line."""
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:97]}… ({len(text):,} characters)"
