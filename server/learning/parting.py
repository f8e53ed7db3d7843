"""Shoppers whose whole past is one moment: one basket, or events that came without times. Nothing in it comes before
anything else, so a part of it, drawn anew for every epoch, is predicted from the rest.

Without this they would teach the towers nothing, and towers taught by an order that is none would learn just that.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories

_SHARE = 0.3  # of the moment is predicted; .15 or any part found less on Office's validation (NDCG@10 .042, .039, .040)


class Parting:
    """Draws the parts. The same seed gives the same ones, one after the other."""

    def __init__(self, histories: Histories, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._histories = histories.take(np.argsort(histories.shoppers, kind="stable"))
        shoppers = self._histories.shoppers
        starts = np.flatnonzero(np.diff(shoppers, prepend=-1) != 0)
        self._starts, self._sizes = starts, np.diff(starts, append=len(shoppers))
        self._is_parted = (self._sizes > 1) & _of_one_moment(self._histories.times_ms, starts)  # (shoppers,)

    def __len__(self) -> int:
        """How many shoppers are parted."""
        return int(self._is_parted.sum())

    def drawn(self) -> Histories:
        """The histories, in which the part to be predicted comes a moment after the rest."""
        if not len(self):
            return self._histories
        count, sizes = len(self._histories), self._sizes
        is_parted = np.repeat(self._is_parted, sizes)
        place = np.arange(count) - np.repeat(self._starts, sizes)
        mixed = np.lexsort((np.where(is_parted, self._random.random(count), place), self._histories.shoppers))
        predicted = np.floor(_SHARE * sizes + self._random.random(len(sizes)))
        predicted = np.clip(predicted, 1, np.maximum(sizes - 1, 1))  # something to ask for, and to ask with
        later = is_parted & (place >= np.repeat(sizes - predicted, sizes))
        parted = self._histories.take(mixed)
        return replace(parted, times_ms=parted.times_ms + later)


def _of_one_moment(times_ms: NDArray[np.int64], starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether all events of each shopper have one time."""
    if not len(starts):
        return np.zeros(0, dtype=np.bool_)
    return np.minimum.reduceat(times_ms, starts) == np.maximum.reduceat(times_ms, starts)
