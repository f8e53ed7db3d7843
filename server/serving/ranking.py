"""Blending: what several sources say about the same product is added up; the loudest voice gives the reason."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.serving.sources.asked import Candidates

_DENSE_UP_TO = 30_000  # products; up to here one sum per product of the shop is faster than sorting the candidates


class Ranked(NamedTuple):
    """Products with their blended scores.

    `rows` (k,) intp ascending, each once; `scores` (k,) float32 above 0. Of the candidates they come from, through all
    sources: `voices` (c,) int32 rows, `loudness` (c,) float32 contributions.
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    voices: NDArray[np.int32]
    loudness: NDArray[np.float32]

    def loudest(self, rows: Sequence[int]) -> list[int]:
        """For each of `rows` the number of the candidate that contributed most to it."""
        wanted = np.array(rows, dtype=np.int32)
        spoken = (self.voices == wanted[:, None]) * self.loudness  # (rows, c)
        return spoken.argmax(axis=1).tolist()


def blend(found: Sequence[tuple[Candidates, float]], left_out: NDArray[np.intp], count: int) -> Ranked | None:
    """Add up candidates of sources, each with the weight of its source; None when there are none.

    `left_out` (l,): rows that shall not come; `count`: number of products of the shop.
    """
    if not found:
        return None
    voices = np.concatenate([candidates.rows for candidates, _ in found])
    loudness = np.concatenate([candidates.scores * np.float32(weight) for candidates, weight in found])
    if count <= _DENSE_UP_TO:
        sums = np.bincount(voices, loudness, count)  # (n,)
        sums[left_out] = 0.0
        rows = (sums > 0).nonzero()[0]
        return Ranked(rows, sums[rows].astype(np.float32), voices, loudness)
    rows, places = np.unique(voices, return_inverse=True)
    sums = np.bincount(places, loudness)
    sums[np.isin(rows, left_out)] = 0.0
    return Ranked(rows[sums > 0].astype(np.intp), sums[sums > 0].astype(np.float32), voices, loudness)
