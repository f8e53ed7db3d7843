"""The strongest entries of the rows of a sparse matrix that is too large to be held: it comes in blocks of rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.serving.pairs import Lists


class Shortlists:
    """Keeps at most `most` entries above `least` of each row."""

    def __init__(self, most: int, least: float = 0.0) -> None:
        self._most, self._least = most, least
        self._rows: list[NDArray[np.int32]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._lengths: list[int] = []

    def add(self, block: Any, own: int | None = None) -> None:
        """The next rows, (b, n) csr. `own`: the column of the first one's own entry, which is left out, and so on."""
        for at in range(block.shape[0]):
            part = slice(block.indptr[at], block.indptr[at + 1])
            others, scores = block.indices[part], block.data[part]
            kept = scores > self._least
            if own is not None:
                kept &= others != own + at
            others, scores = others[kept], scores[kept]
            if len(scores) > self._most:
                top = np.argpartition(scores, len(scores) - self._most)[-self._most :]
                others, scores = others[top], scores[top]
            order = np.argsort(-scores, kind="stable")
            self._rows.append(others[order].astype(np.int32))
            self._scores.append(scores[order].astype(np.float32))
            self._lengths.append(len(order))

    def lists(self) -> Lists:
        """All rows so far, best first."""
        starts = np.concatenate([[0], np.cumsum(self._lengths, dtype=np.int64)])
        if not self._rows:
            return Lists(starts, np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
        return Lists(starts, np.concatenate(self._rows), np.concatenate(self._scores))
