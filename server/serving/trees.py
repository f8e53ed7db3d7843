"""Boosted decision trees, scored by numpy alone, so that serving needs no tree library.

QuickScorer (Lucchese et al., SIGIR 2015) with its loop over tests made a look-up: per feature and interval between two
thresholds, a row tells which leaves of all trees are still within reach. A candidate's leaf is the leftmost one that
the rows of all its features leave. `Trees.of` makes the tables once, `Trees.score` reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.serving import arrays

Masks = NDArray[Any]  # unsigned, bit j for leaf j

# A mask's lowest bit times this, a de Bruijn sequence, has a number in its top bits that no other bit gives: one quick
# product for whole arrays, where counting zeros takes numpy three times as long.
_DE_BRUIJN = {8: 0x1D, 16: 0x09AF, 32: 0x077CB531, 64: 0x03F79D71B4CB0A89}
MOST_LEAVES = 64
_FILES = ("thresholds", "starts", "masks", "leaves", "slopes")


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of s tests and s + 1 leaves, which are numbered from left to right; without tests it is a constant.

    `features` (s,) int32 and `thresholds` (s,) float64: a test goes left when its feature is at most its threshold.
    `firsts` and `lasts` (s,) int32: the leaves to the left of the test, both ends included. `leaves` (s + 1,) float64.
    """

    features: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    firsts: NDArray[np.int32]
    lasts: NDArray[np.int32]
    leaves: NDArray[np.float64]


# The mate of an odd tree.
_SILENT = Tree(
    np.zeros(0, dtype=np.int32), np.zeros(0), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(1)
)


class Trees:
    """The tables of t trees (an even number) over f features; w is the bits of a mask, 8 to 64, as the leaves need.

    `thresholds` (h,) float32: those of each feature, ascending and distinct, one feature after another; `starts`
    (f + 1,) int64: where each begins. `masks` (h + f, t): row `starts[j] + j + i` says which leaves the tests on
    feature j leave to a value above i of its thresholds. `leaves` (t / 2, w, w) float32: the sums of a leaf of tree p
    and one of tree p + t / 2, by the places of their bits. `slopes` (f,) float32: what the trees correct is the sum of
    the features by these.
    """

    def __init__(
        self,
        thresholds: NDArray[np.float32],
        starts: NDArray[np.int64],
        masks: Masks,
        leaves: NDArray[np.float32],
        slopes: NDArray[np.float32],
    ) -> None:
        self.thresholds, self.starts, self.masks, self.leaves, self.slopes = thresholds, starts, masks, leaves, slopes
        self.feature_count = len(starts) - 1
        self._sloped = np.flatnonzero(slopes).tolist()
        self._steps = [  # of the features that some tree asks for
            (feature, thresholds[start:stop], masks[start + feature : stop + feature + 1])
            for feature, (start, stop) in enumerate(pairwise(starts.tolist()))
            if start < stop
        ]

    @classmethod
    def of(
        cls, forests: Sequence[Sequence[Tree]], feature_count: int, slopes: NDArray[np.float32] | None = None
    ) -> "Trees":
        """The tables of forests whose scores, each the sum of its trees' leaves, are averaged; `slopes` (f,) are 0
        unless given.

        Raises `ValueError` when there is no tree, or one with more than 64 leaves.
        """
        trees = [tree for forest in forests for tree in forest]
        if not trees:
            raise ValueError("There are no trees to make tables of.")
        most = max(len(tree.leaves) for tree in trees)
        if most > MOST_LEAVES:
            raise ValueError(f"A tree has {most} leaves, and a mask holds {MOST_LEAVES}: train with fewer leaves.")
        width = next(width for width in _DE_BRUIJN if width >= most)
        if len(trees) % 2:
            trees.append(_SILENT)
        slopes = np.zeros(feature_count, dtype=np.float32) if slopes is None else slopes
        return cls(*_tests(trees, feature_count, width), _pairs_of_leaves(trees, width, len(forests)), slopes)

    @classmethod
    def read(cls, folder: Path, name: str) -> "Trees":
        """Map what `write` wrote under this name."""
        return cls(*(arrays.read(folder, f"{name}.{part}") for part in _FILES))

    def write(self, folder: Path, name: str) -> None:
        """Write the tables, for `read`."""
        for part in _FILES:
            arrays.write(folder, f"{name}.{part}", getattr(self, part))

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores of k candidates, (k, f) to (k,) float32. Features are numbers, never NaN.

        A feature that is one value for all candidates, as those of the shopper are, costs less than one that is not.
        """
        if features.shape[1] != self.feature_count:
            raise ValueError(f"Candidates have {features.shape[1]} features; these trees know {self.feature_count}.")
        if not len(features):
            return np.zeros(0, dtype=np.float32)
        within_reach = self._within_reach(np.ascontiguousarray(features.T, dtype=np.float32))
        scores = self._sums(within_reach)
        for feature in self._sloped:
            scores += features[:, feature] * self.slopes[feature]
        return scores

    def _within_reach(self, columns: NDArray[np.float32]) -> Masks:
        """The leaves that the tests leave to each candidate; (f, k) to (k, t)."""
        count, word = columns.shape[1], self.masks.dtype
        left = np.full((count, self.masks.shape[1]), np.iinfo(word).max, dtype=word)  # (k, t)
        left_to_all = left[0].copy()  # (t,)
        found = np.empty_like(left)
        same = (columns == columns[:, :1]).all(axis=1).tolist()
        for feature, thresholds, masks in self._steps:
            if same[feature]:
                left_to_all &= masks[thresholds.searchsorted(columns[feature, 0])]
            else:
                masks.take(thresholds.searchsorted(columns[feature]), axis=0, out=found, mode="clip")
                left &= found
        left &= left_to_all
        return left

    def _sums(self, left: Masks) -> NDArray[np.float32]:
        """The sums of the leftmost leaves within reach; (k, t) to (k,)."""
        pair_count, width, _ = self.leaves.shape
        places = _places(left, width)
        pairs = places[:, :pair_count] * left.dtype.type(width)  # two trees in one look-up, as look-ups are slow
        pairs += places[:, pair_count:]
        at = np.add(pairs, np.arange(pair_count) * width**2, dtype=np.intp)  # (k, t / 2)
        return self.leaves.reshape(-1).take(at, mode="clip").sum(axis=1)


def _tests(trees: list[Tree], feature_count: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.int64], Masks]:
    """The `thresholds`, `starts` and `masks` of `Trees`."""
    features, doubles, firsts, lasts = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("features", "thresholds", "firsts", "lasts")
    )  # each (tests,)
    owners = np.repeat(np.arange(len(trees)), [len(tree.features) for tree in trees])
    singles = _at_most(doubles)
    one, word = np.uint64(1), np.dtype(f"u{width // 8}")
    right = ~(((one << (lasts - firsts + 1).astype(np.uint64)) - one) << firsts.astype(np.uint64))

    distinct = [np.unique(singles[features == feature]) for feature in range(feature_count)]
    starts = np.cumsum([0, *map(len, distinct)], dtype=np.int64)
    masks = np.full((starts[-1] + feature_count, len(trees)), np.iinfo(word).max, dtype=word)
    for feature, (own, start) in enumerate(zip(distinct, starts[:-1].tolist(), strict=True)):
        table = masks[start + feature : start + feature + len(own) + 1]
        asking = features == feature
        above = own.searchsorted(singles[asking]) + 1
        np.bitwise_and.at(table, (above, owners[asking]), right[asking].astype(word))
        np.bitwise_and.accumulate(table, axis=0, out=table)
    return np.concatenate(distinct), starts, masks


def _at_most(doubles: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 at most as large: every float32 compares with it as it does with the double."""
    with np.errstate(over="ignore"):
        singles = doubles.astype(np.float32)
    return np.where(singles > doubles, np.nextafter(singles, np.float32(-np.inf)), singles)


def _pairs_of_leaves(trees: list[Tree], width: int, forest_count: int) -> NDArray[np.float32]:
    """The `leaves` of `Trees`."""
    place_of = _places(np.uint64(1) << np.arange(width, dtype=np.uint64), width)  # by leaf
    by_place = np.zeros((len(trees), width))  # (t, w)
    for tree, row in zip(trees, by_place, strict=True):
        row[place_of[: len(tree.leaves)]] = tree.leaves / forest_count
    first, second = by_place[: len(trees) // 2], by_place[len(trees) // 2 :]
    return (first[:, :, None] + second[:, None, :]).astype(np.float32)


def _places(masks: Masks, width: int) -> Masks:
    """A number 0..w-1 for the lowest bit of each mask, in the masks' type."""
    word = np.dtype(f"u{width // 8}")
    masks = masks.astype(word, copy=False)
    places = masks & -masks
    places *= word.type(_DE_BRUIJN[width])
    places >>= word.type(width - width.bit_length() + 1)
    return places
