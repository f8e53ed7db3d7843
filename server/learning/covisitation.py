"""Which products the same shoppers choose: bought in one basket or by one shopper, looked at in one visit.

Two products that are both chosen by a group (a basket, a shopper, a visit) get one vote from it, less from a large
group; votes are divided by how often each is chosen at all (cosine), so that best-sellers do not go with everything.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.events.histories import Histories
from server.serving.pairs import Lists

MOST = 32  # neighbours per product
LARGEST_GROUP = 400  # the newest products of a group; beyond it groups are resellers and robots, and cost quadratically
MOST_BASKETS = 5  # of one shopper with one product: the sixth says nothing new, and must not outvote other shoppers
_DOUBT = 6.0  # votes that are added to the divisor: two votes of two are less certain than fifty of fifty
_WORK_AT_ONCE = 4_000_000  # pairs per step, about 100 MB


def bought(histories: Histories, count: int, progress: Callable[[int], None] | None = None) -> Lists:
    """What is bought together: by one shopper, and more so in one basket. Scores about 0..1."""
    purchases = np.flatnonzero(histories.baskets >= 0)
    rows = histories.rows[purchases]
    counted = _newest_baskets(histories.shoppers[purchases], rows)
    by_basket = _votes(histories.baskets[purchases][counted], rows[counted], count)
    by_shopper = _votes(histories.shoppers[purchases], rows, count)
    return _lists([by_basket, by_shopper], count, progress)


def viewed(histories: Histories, count: int, progress: Callable[[int], None] | None = None) -> Lists:
    """What is looked at, liked or put in the cart in one visit. Scores about 0..1."""
    looks = np.flatnonzero(histories.baskets < 0)
    return _lists([_votes(histories.visits[looks], histories.rows[looks], count)], count, progress)


def _newest_baskets(shoppers: NDArray[np.int32], rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which purchases, (n,) in the order of time, are among the newest `MOST_BASKETS` of their shopper and product."""
    counted = np.ones(len(rows), dtype=np.bool_)
    order = np.lexsort((-np.arange(len(rows)), rows, shoppers))  # of each shopper and product the newest first
    other = np.ones(len(order), dtype=np.bool_)
    other[1:] = (np.diff(shoppers[order]) != 0) | (np.diff(rows[order]) != 0)
    starts = np.flatnonzero(other)
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    counted[order[place >= MOST_BASKETS]] = False
    return counted


def _votes(groups: NDArray[np.int32], rows: NDArray[np.int32], count: int) -> sparse.csr_array:
    """Which product was chosen in which group, weighted so that a group's votes on pairs grow slower than its size.

    Returns (n_groups, count) float32; groups of one product are left out.
    """
    if not len(groups):
        return sparse.csr_array((0, count), dtype=np.float32)
    newest_first = np.arange(len(groups))[::-1]
    _, first = np.unique(groups[newest_first].astype(np.int64) * count + rows[newest_first], return_index=True)
    kept = np.sort(newest_first[first])  # each product once per group, in the order of time
    order = kept[np.argsort(groups[kept], kind="stable")]
    numbers, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    place_from_end = np.repeat(starts + sizes, sizes) - np.arange(len(order))
    fits = (place_from_end <= LARGEST_GROUP) & (np.repeat(sizes, sizes) > 1)
    sizes = np.minimum(sizes, LARGEST_GROUP)
    group_of = np.repeat(np.arange(len(numbers)), np.unique(groups[order], return_counts=True)[1])[fits]
    values = (sizes[group_of] ** -0.25).astype(np.float32)  # squared in a pair: 1 / sqrt(size)
    return sparse.csr_array((values, (group_of, rows[order][fits])), shape=(len(numbers), count), dtype=np.float32)


def _lists(votes: Sequence[sparse.csr_array], count: int, progress: Callable[[int], None] | None) -> Lists:
    by_product = [matrix.T.tocsr() for matrix in votes]  # (count, n_groups) each
    totals = np.sum([matrix.multiply(matrix).sum(axis=0) for matrix in votes], axis=0)  # (count,) own votes
    lengths = np.zeros(count, dtype=np.int64)
    rows: list[NDArray[np.int32]] = []
    scores: list[NDArray[np.float32]] = []
    for start, stop in _steps(votes, by_product, count):
        parts = [products[start:stop] @ matrix for products, matrix in zip(by_product, votes, strict=True)]
        together = reduce(add, parts)  # (step, count) sparse
        for row in range(start, stop):
            found, score = _best(together, row - start, row, totals)
            lengths[row] = len(found)
            rows.append(found)
            scores.append(score)
        if progress is not None:
            progress(stop)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    if not starts[-1]:
        return Lists(starts, np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    return Lists(starts, np.concatenate(rows), _scaled(np.concatenate(scores), starts))


def _steps(
    votes: Sequence[sparse.csr_array], by_product: Sequence[sparse.csr_array], count: int
) -> list[tuple[int, int]]:
    """Ranges of products whose pairs fit in memory together."""
    work = np.zeros(count)
    for matrix, products in zip(votes, by_product, strict=True):
        work += products.astype(bool).astype(np.int64) @ np.diff(matrix.indptr)
    bounds, start, load = [], 0, 0.0
    for row, pairs in enumerate(np.minimum(work, 10.0 * count).tolist()):
        load += pairs + 1
        if load > _WORK_AT_ONCE:
            bounds.append((start, row + 1))
            start, load = row + 1, 0.0
    return [*bounds, (start, count)] if start < count else bounds


def _best(
    together: sparse.csr_array, at: int, row: int, totals: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    begin, end = together.indptr[at], together.indptr[at + 1]
    others, shared = together.indices[begin:end], together.data[begin:end]
    keep = others != row
    others, shared = others[keep], shared[keep]
    scores = shared / np.sqrt((totals[row] + _DOUBT) * (totals[others] + _DOUBT))
    if len(scores) > MOST:
        top = np.argpartition(-scores, MOST)[:MOST]
        others, scores = others[top], scores[top]
    order = np.argsort(-scores, kind="stable")
    return others[order].astype(np.int32), scores[order].astype(np.float32)


def _scaled(scores: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """So that the best neighbour of a typical product scores about 1, as other sources' do, and none more."""
    best = scores[starts[:-1][np.diff(starts) > 0]]
    return np.minimum(scores / np.float32(np.quantile(best, 0.8)), np.float32(1))
