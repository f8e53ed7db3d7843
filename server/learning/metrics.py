"""How good lists of recommendations are: the measures of the field, over the whole catalog and never over a sample of
it, as sampled negatives can turn the order of models round (Krichene & Rendle, "On Sampled Metrics for Item
Recommendation", KDD 2020). All work on a batch of score rows: c cases, n products.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 256  # target rows compared with the catalog at a time: 12,000 products make 12 MB


class Measures(NamedTuple):
    """Each measure for each case, all (c,) float64 in 0..1; the mean of a measure is the figure that papers print."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    ndcg: NDArray[np.float64]
    reciprocal_rank: NDArray[np.float64]
    hit: NDArray[np.float64]


class Places(NamedTuple):
    """Where the targets of cases came, a line for each target in the order of case and place, all (t,).

    `cases`: number of the case; `places`: float64 from 1, infinite where a target can never be shown; `orders`: int64,
    which of its case's targets it is in the order of places, from 1.
    """

    cases: NDArray[np.int64]
    places: NDArray[np.float64]
    orders: NDArray[np.int64]


def measures(scores: NDArray[np.float32], targets: Sequence[NDArray[np.int32]], k: int = 10) -> Measures:
    """Measure lists of length `k`. `scores` (c, n): higher is better, -inf is never shown; `targets`: rows, each once.

    With hits being targets at a place of at most `k`: precision is hits / k, recall hits / targets; average precision
    is the sum of the precision at each hit / min(k, targets) (its mean is MAP); NDCG is the sum of 1 / log2(1 + place)
    over hits / the same for the places 1 … min(k, targets) (Järvelin & Kekäläinen, TOIS 2002, gains 0 and 1);
    reciprocal rank is 1 / the place of the first hit. A case without targets scores 0.
    Raises ValueError on scores that are no numbers, which would compare as worse than anything.
    """
    count = len(targets)
    found = target_places(scores, targets)
    cases, places, orders = (of[found.places <= k] for of in found)
    sizes = np.array([len(of) for of in targets], dtype=np.int64)  # (c,)
    ideal = np.minimum(sizes, k)
    gains = np.concatenate([[0.0], np.cumsum(1 / np.log2(1 + np.arange(1, k + 1)))])  # of 0 … k hits on top
    hits = np.bincount(cases, minlength=count).astype(np.float64)
    first = orders == 1
    return Measures(
        precision=hits / k,
        recall=hits / np.maximum(sizes, 1),
        average_precision=np.bincount(cases, orders / places, minlength=count) / np.maximum(ideal, 1),
        ndcg=np.bincount(cases, 1 / np.log2(1 + places), minlength=count) / gains[np.maximum(ideal, 1)],
        reciprocal_rank=np.bincount(cases[first], weights=1 / places[first], minlength=count).astype(np.float64),
        hit=(hits > 0).astype(np.float64),
    )


def target_places(scores: NDArray[np.float32], targets: Sequence[NDArray[np.int32]]) -> Places:
    """The place of every target among all n products of its row of `scores` (c, n).

    Ties count in the middle: among g products of one score that hold t targets and come after `above` better ones, the
    i-th target is at `above` + i (g + 1) / (t + 1), which is its mean place when the g are shuffled. A single
    target is at the middle of its tie. (Taking the best place would let a model of few distinct scores win.)
    """
    if np.isnan(scores).any():
        raise ValueError("a score is not a number: give -inf to products that are no candidates")
    cases = np.repeat(np.arange(len(targets)), [len(of) for of in targets])  # (t,)
    rows = np.concatenate([np.empty(0, dtype=np.int32), *targets])  # (t,)
    mine = scores[cases, rows]  # (t,)
    above, tied = np.zeros(len(cases), dtype=np.int64), np.ones(len(cases), dtype=np.int64)
    for start in range(0, len(cases), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        others = scores[cases[part]]  # (≤ 256, n)
        above[part] = np.count_nonzero(others > mine[part, None], axis=1)
        tied[part] = np.count_nonzero(others == mine[part, None], axis=1)

    order = np.lexsort((above, cases))
    cases, above, tied, never = cases[order], above[order], tied[order], np.isneginf(mine[order])
    number, _ = _runs(cases)
    within, together = _runs(cases, above)
    places = np.where(never, np.inf, above + within * (tied + 1) / (together + 1))
    return Places(cases, places, number)


def _runs(*keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Within runs of equal keys: the number of each element from 1, and the length of its run."""
    length = len(keys[0])
    starts = np.zeros(length, dtype=np.bool_)
    starts[:1] = True
    for key in keys:
        starts[1:] |= key[1:] != key[:-1]
    run = np.cumsum(starts) - 1
    at = np.arange(length)
    return at - at[starts][run] + 1, np.bincount(run, minlength=1)[run]


def best(scores: NDArray[np.float32], k: int = 10) -> NDArray[np.int64]:
    """The rows of the `k` highest scores of each case (c, n), best first, (c, k); -1 where nothing can be shown."""
    k = min(k, scores.shape[1])
    chosen = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :]
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    chosen, values = np.take_along_axis(chosen, order, axis=1), np.take_along_axis(values, order, axis=1)
    return np.where(np.isneginf(values), -1, chosen)


def coverage(shown: NDArray[np.int64], count: int) -> float:
    """The share of a catalog of `count` products that comes up in any of the lists, as `best` gives them."""
    return len(np.unique(shown[shown >= 0])) / count if count else 0.0


def percentiles(popularity: NDArray[np.generic]) -> NDArray[np.float64]:
    """How popular each product is among all, (n,) in 0..1: the share of products below it and half of its equals."""
    _, group, sizes = np.unique(popularity, return_inverse=True, return_counts=True)
    return ((np.cumsum(sizes) - sizes / 2) / max(len(popularity), 1))[group]
