"""Boosted decision trees, scored by `native`, so that serving needs no tree library.

QuickScorer (Lucchese et al., SIGIR 2015): every test whose feature is above its threshold puts the leaves to its left
out of reach; a candidate's leaf is the leftmost one that remains. `Trees.of` makes the tables, `score` reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.serving import arrays
from server.serving.native import ffi, lib, pointer

MOST_LEAVES = 32
MOST_FEATURES = 64  # of `native`
_FILES = ("features", "thresholds", "masks", "leaves", "slopes")


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


class Trees:
    """The tables of t trees over f features; w is the most tests that one of them has.

    `features` (t, w) int32, `thresholds` (t, w) float32; `masks` (t, w) int32: bit j says whether leaf j stays within
    reach of a value above the threshold. `leaves` (t, w + 1) float32. `slopes` (f,) float32: what the trees correct is
    the sum of the features by these.
    """

    def __init__(
        self,
        features: NDArray[np.int32],
        thresholds: NDArray[np.float32],
        masks: NDArray[np.int32],
        leaves: NDArray[np.float32],
        slopes: NDArray[np.float32],
    ) -> None:
        self.features, self.thresholds, self.masks, self.leaves, self.slopes = (
            features,
            thresholds,
            masks,
            leaves,
            slopes,
        )
        self.feature_count = len(slopes)
        self._sloped = np.flatnonzero(slopes).tolist()
        tables = map(pointer, (features, thresholds, masks, leaves))
        self._forest = ffi.new("Forest *", (*tables, *features.shape, self.feature_count))

    @classmethod
    def of(
        cls, forests: Sequence[Sequence[Tree]], feature_count: int, slopes: NDArray[np.float32] | None = None
    ) -> "Trees":
        """The tables of forests whose scores, each the sum of its trees' leaves, are averaged; `slopes` (f,) are 0
        unless given.

        Raises `ValueError` when there is no tree, one with more than 32 leaves, or more than 64 features.
        """
        trees = list(chain.from_iterable(forests))
        if not trees:
            raise ValueError("There are no trees to make tables of.")
        most = max(len(tree.leaves) for tree in trees)
        if most > MOST_LEAVES:
            raise ValueError(f"A tree has {most} leaves, and tables hold {MOST_LEAVES}: train with fewer leaves.")
        if feature_count > MOST_FEATURES:
            raise ValueError(f"There are {feature_count} features, and tables hold {MOST_FEATURES}: train with fewer.")
        shape = len(trees), max(most - 1, 1)
        features, masks = np.zeros(shape, dtype=np.int32), np.full(shape, -1, dtype=np.int32)
        thresholds, leaves = np.full(shape, np.inf, dtype=np.float32), np.zeros((shape[0], shape[1] + 1), np.float32)
        for number, tree in enumerate(trees):
            tests = slice(len(tree.features))
            features[number, tests] = tree.features
            thresholds[number, tests] = _at_most(tree.thresholds)
            masks[number, tests] = _without(tree.firsts, tree.lasts)
            leaves[number, : len(tree.leaves)] = tree.leaves / len(forests)
        slopes = np.zeros(feature_count, dtype=np.float32) if slopes is None else slopes
        return cls(features, thresholds, masks, leaves, slopes)

    @classmethod
    def read(cls, folder: Path, name: str) -> "Trees":
        """Map what `write` wrote under this name."""
        return cls(*(arrays.read(folder, f"{name}.{part}") for part in _FILES))

    def write(self, folder: Path, name: str) -> None:
        """Write the tables, for `read`."""
        for part in _FILES:
            arrays.write(folder, f"{name}.{part}", getattr(self, part))

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores of k candidates, (k, f) to (k,) float32. Features are numbers, never NaN."""
        if features.shape[1] != self.feature_count:
            raise ValueError(f"Candidates have {features.shape[1]} features; these trees know {self.feature_count}.")
        columns = np.ascontiguousarray(features.T, dtype=np.float32)
        scores = np.zeros(len(features), dtype=np.float32)
        lib.vitrina_trees(self._forest, pointer(columns), len(features), pointer(scores))
        for feature in self._sloped:
            scores += columns[feature] * self.slopes[feature]
        return scores


def _without(firsts: NDArray[np.int32], lasts: NDArray[np.int32]) -> NDArray[np.int32]:
    """All bits but those from `firsts` to `lasts`, (s,)."""
    one = np.uint64(1)
    ranges = ((one << (lasts - firsts + 1).astype(np.uint64)) - one) << firsts.astype(np.uint64)
    return (~ranges).astype(np.uint32).view(np.int32)


def _at_most(doubles: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 at most as large: every float32 compares with it as it does with the double."""
    with np.errstate(over="ignore"):
        singles = doubles.astype(np.float32)
    return np.where(singles > doubles, np.nextafter(singles, np.float32(-np.inf)), singles)
