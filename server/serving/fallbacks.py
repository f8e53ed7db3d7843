"""What fills a list when the candidate sources found too little: the category, what is popular, what is new.

For a shop that has no snapshot yet, see `newest`.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.serving import ranking
from server.serving.eligibility import Eligibility
from server.serving.live import Live
from server.serving.placements import Placement, pool_size
from server.serving.sources.asked import Candidates

_FIRST_LOOK = 256
_LOUDEST = np.float32(0.05)  # fallbacks score below what a source found


class Fill(NamedTuple):
    """One product that fills a list."""

    row: int
    score: float
    reason: str


class Filling:
    """The chain of fallbacks for one request. `banned` rows never come; `last` ones only when all else is used up."""

    def __init__(
        self, live: Live, placement: Placement, eligibility: Eligibility, banned: Collection[int], last: Collection[int]
    ) -> None:
        self._live, self._placement, self._eligibility = live, placement, eligibility
        self._taken = {*banned, *last}
        self._last = list(dict.fromkeys(last))
        self._banned = set(banned)

    def fill(self, limit: int, category: int, taken: Collection[int]) -> list[Fill]:
        """Up to `limit` products besides those `taken`; of `category` (-1: none) first."""
        self._taken.update(taken)
        filled: list[Fill] = []
        if category >= 0:
            filled += self._of(self._live.snapshot.rows_of_category(category), limit, "popular-in-category")
        if len(filled) < limit:
            filled += self._of(self._live.snapshot.popular, limit - len(filled), "popular")
        if len(filled) < limit:
            filled += self._used_before(limit - len(filled), taken)
        return filled

    def _of(self, ordered: NDArray[np.integer[Any]], limit: int, reason: str) -> list[Fill]:
        snapshot = self._live.snapshot
        rows = self._first(ordered, pool_size(limit))
        if not len(rows):
            return []
        scores = np.linspace(1, 0.5, len(rows), dtype=np.float32) * _LOUDEST
        found = [(Candidates(rows, scores, reason), 1.0)]
        picked = ranking.pick(snapshot, found, self._eligibility, self._placement, limit)
        self._taken.update(row for row, _, _, _ in picked)
        without_events = "same-category" if reason == "popular-in-category" else "newest"
        return [
            Fill(row, score, reason if snapshot.popularity[row] > 0 else without_events) for row, score, _, _ in picked
        ]

    def _first(self, ordered: NDArray[np.integer[Any]], most: int) -> NDArray[np.int32]:
        """The first `most` of `ordered` (k,) that may be shown and are not taken."""
        found: list[int] = []
        start, look = 0, _FIRST_LOOK
        while start < len(ordered) and len(found) < most:
            part = ordered[start : start + look]
            allowed = part[self._eligibility.of(part)].tolist()
            found += [row for row in allowed if row not in self._taken]
            start, look = start + look, look * 4  # a narrow filter of a large catalog is not searched in small steps
        return np.array(found[:most], dtype=np.int32)

    def _used_before(self, limit: int, taken: Collection[int]) -> Iterator[Fill]:
        last = np.array([row for row in self._last if row not in self._banned and row not in taken], dtype=np.int32)
        allowed = last[self._eligibility.of(last)] if len(last) else last
        return (Fill(row, 0.0, "recent") for row in allowed[:limit].tolist())
