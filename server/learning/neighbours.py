"""The nearest products of each product by content, worked out once so that a product page needs no search."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from server.serving.nearest import Nearest
from server.serving.pairs import Lists
from server.serving.sources.similar import sharpened

MOST = 50
EXACT_UP_TO = 50_000  # products; beyond, the index is asked (its recall was measured)
_ROWS_AT_ONCE = 512


def neighbours(
    vectors: NDArray[np.float32], index: Nearest | None, progress: Callable[[int], None] | None = None
) -> Lists:
    """The `MOST` nearest of each row of `vectors` (n, d), unit norm; a row of zeros has none and is nobody's."""
    count = len(vectors)
    described = np.any(vectors, axis=1) if vectors.shape[1] else np.zeros(count, dtype=np.bool_)
    lengths = np.zeros(count, dtype=np.int64)
    all_rows: list[NDArray[np.int32]] = []
    all_scores: list[NDArray[np.float32]] = []
    for start in range(0, count, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, count)
        asking = np.flatnonzero(described[start:stop]) + start
        if len(asking):
            found, scores = _search(vectors, asking, index)
            kept = (found >= 0) & (found != asking[:, None]) & (scores > 0)
            lengths[asking] = kept.sum(axis=1)
            all_rows.append(found[kept].astype(np.int32))
            all_scores.append(sharpened(scores[kept]))
        if progress is not None:
            progress(stop)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    empty = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    rows, scores = (np.concatenate(all_rows), np.concatenate(all_scores)) if all_rows else empty
    return Lists(starts, rows, scores)


def _search(
    vectors: NDArray[np.float32], asking: NDArray[np.intp], index: Nearest | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and cosines (a, MOST + 1) of the nearest to each asking row, best first, itself among them."""
    most = min(MOST + 1, len(vectors))
    if index is not None and len(vectors) > EXACT_UP_TO:
        return index.search_many(vectors[asking], most)
    cosines = vectors[asking] @ vectors.T  # (a, n)
    top = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
    scores = np.take_along_axis(cosines, top, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1), np.take_along_axis(scores, order, axis=1)
