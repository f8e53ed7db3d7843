"""Shops that know little: products without events, and whole shops with few of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shop import Shop
from benchmarks.quality.splits import Split, Test, enough
from server.events.histories import Past
from server.learning.cases import Cases, leave_last_out

_SHARE_HIDDEN = 0.2
_LEAST_HISTORY = 3  # events of which the last is held back for test and the one before for validation
_SLICES = ("Fragrance", "Bath & Body", "Nail", "Hair Care")  # the categories of the design's table 4
_SHARES = (0.01, 0.1, 0.3, 1.0)  # of the shoppers, whose training events the small shop has


def cold(shop: Shop, seed: int = 0) -> list[Split]:
    """A fifth of the products have never been touched. Leave-one-out otherwise; a target among the hidden is judged
    among the hidden only and among all, and every target is, so that the loss of the others is told with the gain.
    """
    count = len(shop.products)
    hidden = np.random.default_rng(seed).random(count) < _SHARE_HIDDEN
    train, (validation, test) = leave_last_out(shop.histories)
    train = train.take(~hidden[train.rows])
    validation = _chosen(_unseen(validation, hidden), lambda targets: not hidden[targets].any())
    test = enough(_unseen(test, hidden), shop.name)
    of_hidden = _chosen(test, lambda targets: bool(hidden[targets].all()))
    tests = [Test("cold only", of_hidden, among=hidden), Test("cold among all", of_hidden), Test("all", test)]
    return [Split("", shop.products, train, validation, train, tests)]


def _unseen(cases: Cases, hidden: NDArray[np.bool_]) -> Cases:
    """The cases without the hidden products in their pasts, those with nothing left dropped."""
    pasts = [_kept(past, ~hidden[past.rows]) for past in cases.pasts]
    known = [rows[~hidden[rows]] for rows in cases.known]
    left = np.array([at for at, past in enumerate(pasts) if len(past)], dtype=np.intp)
    return Cases(pasts, known, cases.targets, cases.now_ms, cases.shoppers).take(left)


def _kept(past: Past, kept: NDArray[np.bool_]) -> Past:
    return Past(past.rows[kept], past.moments[kept], past.weights[kept], past.bought[kept], past.times_ms[kept])


def _chosen(cases: Cases, holds: Callable[[NDArray[np.int32]], bool]) -> Cases:
    return cases.take(np.array([at for at, targets in enumerate(cases.targets) if holds(targets)], dtype=np.intp))


def small(shop: Shop, seed: int = 0) -> list[Split]:
    """Categories as shops of their own, with the training events of only a share of their shoppers, and tests of all.

    A set without these categories is one slice.
    """
    splits: list[Split] = []
    categories = np.array(shop.products.categories)
    slices = {name: np.flatnonzero(np.char.find(categories, name) >= 0) for name in _SLICES}
    slices = {name: rows for name, rows in slices.items() if len(rows)} or {shop.name: np.arange(len(categories))}
    for name, rows in slices.items():
        part = shop.narrowed(rows)
        counts = np.bincount(part.histories.shoppers)
        part_histories = part.histories.take(counts[part.histories.shoppers] >= _LEAST_HISTORY)
        train, (validation, test) = leave_last_out(part_histories)
        luck = np.random.default_rng(seed).random(len(counts))  # a larger share holds the smaller one
        for share in _SHARES:
            known = train.take(luck[train.shoppers] < share)
            tuned_by = validation.take(np.flatnonzero(luck[validation.shoppers] < share))
            tests = [Test("", enough(test, part.name))]
            splits.append(Split(f"{name}, {share:.0%} of shoppers", part.products, known, tuned_by, known, tests))
    return splits
