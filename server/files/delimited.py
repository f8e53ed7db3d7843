"""Rows of a delimited file (CSV, TSV), with the line each began on, as a stream.

Forgiving where nothing is lost (trailing cells left out, NUL bytes, blank lines, any line end), and able to go on after
a row whose quotes are broken: such a row is given as `Broken` and reading resumes on the line after its first.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from server.files.opening import Opened, Unreadable

MOST_CHARACTERS = 16_777_216  # of one row, over all its lines
_MOST_BROKEN_QUOTES = 100
_DELIMITERS = ",;\t|"

csv.field_size_limit(2 * MOST_CHARACTERS)  # the row's own limit comes first


@dataclass(frozen=True)
class Table:
    """How a file is laid out: its columns, what separates them, and the line that its header ends on."""

    columns: tuple[str, ...]
    delimiter: str
    header_line: int


@dataclass(frozen=True)
class Broken:
    """A row that could not be read."""

    line: int
    found: str
    expected: str


def layout(head: str) -> Table | None:
    """The layout that the first characters of a file show; None where there is no header line of two cells or more."""
    note = head.lstrip()[:5]
    delimiters = note[4] if note.lower().startswith("sep=") and len(note) == 5 else _DELIMITERS  # Excel's own note
    best: Table | None = None
    for delimiter in delimiters:
        header = _header(head, delimiter)
        if header and len(header.columns) >= 2 and (best is None or len(header.columns) > len(best.columns)):
            best = header
    return best


def _header(head: str, delimiter: str) -> Table | None:
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if cells and cells[0].lower().startswith("sep="):
                continue
            if any(cell.strip() for cell in cells):
                return Table(tuple(cell.strip() for cell in cells), delimiter, reader.line_num)
    except csv.Error:
        return None
    return None


def listed(columns: Sequence[str]) -> str:
    """The columns in a message: the first ones, shortened, on one line."""
    names = [" ".join(name.split()) for name in columns[:30]]
    shortened = ", ".join(name if len(name) <= 40 else f"{name[:37]}…" for name in names)
    return shortened + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")


def read(opened: Opened, table: Table) -> Iterator[tuple[int, list[str]] | Broken]:
    """The rows below the header: (line, cells), with exactly as many cells as there are columns.

    Raises:
        Unreadable: the quotes are broken all over the file.

    """
    width = len(table.columns)
    with opened.text() as stream:
        lines = _Lines(stream)
        reader = csv.reader(lines, delimiter=table.delimiter)
        repairs = 0
        while True:
            problem = ""
            cells: list[str] = []
            lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = str(error)
            line = lines.first
            if line <= table.header_line:
                continue
            problem = problem or lines.problem()
            if problem or (len(cells) > width and lines.several and any(cells[width:])):
                yield Broken(
                    line, problem or f"{len(cells)} cells over several lines", "a closing quote for every opening one"
                )
                repairs += lines.resume_after_first()
                if repairs > _MOST_BROKEN_QUOTES:
                    raise Unreadable(
                        f"The quotes of this file are broken in many rows (one is on line {line}). Export it again."
                    )
            elif len(cells) > width and any(cell.strip() for cell in cells[width:]):
                yield Broken(
                    line,
                    f"{len(cells)} cells",
                    f"{width} cells; put quotes around text that holds a “{table.delimiter}”",
                )
            elif any(cells):
                yield line, cells[:width] if len(cells) >= width else cells + [""] * (width - len(cells))


class _Lines:
    """The physical lines for `csv.reader`, able to hand out those of the current row once more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._characters = 0
        self._number = 0
        self._ended_inside = False
        self.first = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._stream.readline()
        if not line:
            self._ended_inside = bool(self._row)
            raise StopIteration
        self._number += 1
        self._row.append(line)
        self._characters += len(line)
        if self._characters > MOST_CHARACTERS:
            raise csv.Error(f"a row of more than {MOST_CHARACTERS // 1_048_576} million characters")
        return line.replace("\0", "") if "\0" in line else line

    def begin(self) -> None:
        """A new row begins with the next line."""
        self._row = []
        self._characters = 0
        self._ended_inside = False
        self.first = self._number + 1

    @property
    def several(self) -> bool:
        """Whether the current row has more than one line."""
        return len(self._row) > 1

    def problem(self) -> str:
        """What is wrong with the current row's quotes, if anything."""
        return "a quote that is opened here and never closed" if self._ended_inside else ""

    def resume_after_first(self) -> int:
        """Go back to the line after the first one of the current row; 1 if there was any, else 0."""
        rest = self._row[1:]
        self._again.extendleft(reversed(rest))
        self._number -= len(rest)
        return 1 if rest else 0
