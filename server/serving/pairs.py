"""Which products go with which: for each product a short list of others with a score, best first.

Content neighbours, co-visitation and curated links all have this form. The lists of one kind are a table of equal
width, so that asking for several products is one step; short lists end with the product itself at score 0.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from server.serving import arrays
from server.serving.native import pointer

_ROWS_AT_ONCE = 50_000


class Lists(NamedTuple):
    """Lists of all products, end to end: those of product `i` are `rows[starts[i]:starts[i + 1]]`, best first.

    `starts` (n + 1,) int64, `rows` (total,) int32, `scores` (total,) float32.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]


class Pairs:
    """The table of one kind: for each product its list's rows, then the bits of their scores."""

    def __init__(self, table: NDArray[np.int32]) -> None:
        self._table = table  # (n, 2, width) int32
        self.width: int = table.shape[2]
        self.address = pointer(table)

    @classmethod
    def read(cls, folder: Path, name: str) -> "Pairs":
        """Map the table that `write` wrote."""
        return cls(arrays.read(folder, name))

    @classmethod
    def of_lists(cls, lists: Lists) -> "Pairs":
        """The table in memory."""
        table = np.empty(_shape(lists), dtype=np.int32)
        _fill(table, lists)
        return cls(table)

    def of(self, seeds: NDArray[np.intp], most: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The first `most` of each seed's list: rows and scores, both (s, min(most, width)) and the caller's own."""
        lists = self._table.take(seeds, axis=0)[:, :, :most]  # whole rows: cheaper than choosing within each
        return lists[:, 0], lists[:, 1].view(np.float32)


def write(folder: Path, name: str, lists: Lists) -> None:
    """Write the table of `lists`, as wide as its longest one."""
    shape = _shape(lists)
    if not all(shape):
        arrays.write(folder, name, np.empty(shape, dtype=np.int32))
        return
    table = open_memmap(folder / f"{name}.npy", "w+", np.int32, shape)
    _fill(table, lists)
    table.flush()


def _shape(lists: Lists) -> tuple[int, int, int]:
    count = len(lists.starts) - 1
    return count, 2, int(np.diff(lists.starts).max()) if count else 0


def _fill(table: NDArray[np.int32], lists: Lists) -> None:
    count, _, width = table.shape
    lengths = np.diff(lists.starts)
    for start in range(0, count, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, count)
        filled = np.arange(width) < lengths[start:stop, None]  # (rows, width) bool
        part = slice(lists.starts[start], lists.starts[stop])
        rows = np.repeat(np.arange(start, stop, dtype=np.int32)[:, None], width, axis=1)
        scores = np.zeros(rows.shape, dtype=np.float32)
        rows[filled], scores[filled] = lists.rows[part], lists.scores[part]
        table[start:stop, 0], table[start:stop, 1] = rows, scores.view(np.int32)
