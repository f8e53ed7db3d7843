"""Variety: a list is picked one by one, each time the best of what is not too like those already picked."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from server.serving.placements import Placement
from server.serving.snapshot import Snapshot

POOL = 60  # only the first candidates are looked at; what ranks below them would not make the list better
NEAR_DUPLICATE = 0.97  # cosine from which two products look the same to a shopper
_LAST = np.float32(-10)  # what is added to the value (0..1) of a near duplicate, or of what is over a cap
_PICKED = np.float32(-np.inf)


def pool_size(limit: int) -> int:
    """How many candidates a list of `limit` is picked from."""
    return max(limit, min(POOL, 2 * limit))


def pick(
    snapshot: Snapshot, rows: NDArray[np.intp], scores: NDArray[np.float32], limit: int, placement: Placement
) -> list[int]:
    """Positions into `rows` (k,) of at most `limit` products, in the order to show.

    `scores` (k,) descend from above 0; no more than `pool_size` of them are looked at. In the way of maximal marginal
    relevance (Carbonell and Goldstein, 1998), but each product above costs its likeness, not only the likest one; near
    duplicates and what is over a cap come after everything else.
    """
    pool = min(len(rows), pool_size(limit))
    rows = rows[:pool]
    limit = min(limit, pool)
    likeness = _likeness(snapshot, rows, placement.variety)
    caps = [
        cap
        for labels, share in ((snapshot.brand, placement.per_brand), (snapshot.category, placement.per_category))
        if (cap := _Cap.of(labels, rows, share, limit))
    ]
    value = scores[:pool] / scores[0]  # (pool,) less what likeness costs; -inf once picked
    picked: list[int] = []
    put_off: set[int] = set()
    while len(picked) < limit:
        best = int(value.argmax())
        if caps:
            if best not in put_off and any(cap.is_full(best) for cap in caps):
                put_off.add(best)
                value[best] += _LAST
                continue
            for cap in caps:
                cap.count(best)
        picked.append(best)
        if likeness is not None:
            value += likeness[best]
        value[best] = _PICKED
    return picked


class _Cap:
    """At most `most` of one label; -1 is no label."""

    def __init__(self, labels: list[int], most: int) -> None:
        self._labels, self._most = labels, most
        self._counts: Counter[int] = Counter()

    @classmethod
    def of(cls, labels: NDArray[np.int32], rows: NDArray[np.intp], share: float, limit: int) -> "_Cap | None":
        """The cap on `labels` (n,) among `rows`, None where it cannot bite."""
        if share >= 1:
            return None
        present = labels[rows].tolist()
        return cls(present, max(2, round(limit * share))) if max(present) >= 0 else None

    def is_full(self, position: int) -> bool:
        """Whether one more of this label would be over the cap."""
        return self._counts[self._labels[position]] >= self._most

    def count(self, position: int) -> None:
        """One more of this label."""
        if self._labels[position] >= 0:
            self._counts[self._labels[position]] += 1


def _likeness(snapshot: Snapshot, rows: NDArray[np.intp], variety: float) -> NDArray[np.float32] | None:
    """What each product costs every other once it is picked, (k, k) float32, mostly below 0."""
    if not snapshot.vectors.shape[1]:
        return None
    vectors = snapshot.vectors.take(rows, axis=0)  # (k, d)
    cosines = vectors @ vectors.T  # (k, k)
    likeness = cosines * np.float32(-variety)
    np.copyto(likeness, _LAST, where=cosines >= NEAR_DUPLICATE)
    return likeness
