"""Histories cut into windows, and windows into batches that teach the next moment from all before it.

Events of one moment have no order: they are predicted together, from the moments before. With one event a moment this
is the usual next-item training.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories, Past
from server.learning.two_tower import Inputs, Settings
from server.serving.tower import KINDS

_LONGEST = 50  # events that a tower reads: the cost of its attention grows with the square
_MOST_SHARE = 1 - 1e-9  # of all events that one product has; with all of them the logarithm would have no value
_SORTED_AT_ONCE = 16  # batches among whose windows alike lengths are put together: less padding, yet well mixed


class Sequences(NamedTuple):
    """Windows of events laid end to end. `rows`, `moments` (ascending), `kinds` (e,); `starts`, `stops` (w,).

    `taught` (w,): the first event of a window that is taught; those before are only context.
    """

    rows: NDArray[np.int32]
    moments: NDArray[np.int32]
    kinds: NDArray[np.int8]
    weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    taught: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def shared(self, rank: int, count: int) -> "Sequences":
        """Every `count`-th window, what one of so many processes teaches; all where they are too few for that."""
        if len(self) < count:
            return self
        mine = slice(rank, None, count)
        return Sequences(*self[:4], self.starts[mine], self.stops[mine], self.taught[mine])


class Batch(NamedTuple):
    """What is taught in one step: p pairs of a query and the product that came next.

    `inputs.rows` are positions in `items` (u,), whose first c are the candidates; `log_chances` (c,) says how likely
    each of them is in the batch. Pairs (p,): `pair_queries`, `pair_candidates` and `pair_weights`.
    """

    inputs: Inputs
    items: NDArray[np.int64]
    log_chances: NDArray[np.float32]
    pair_queries: NDArray[np.int64]
    pair_candidates: NDArray[np.int64]
    pair_weights: NDArray[np.float32]


def windows(histories: Histories, length: int) -> Sequences:
    """Cut all histories so that every moment is taught once, from up to `length` events before it, at least half."""
    order = np.argsort(histories.shoppers, kind="stable")
    shoppers, times = histories.shoppers[order], histories.times_ms[order]
    other = np.diff(shoppers, prepend=-1) != 0
    begins = other | (np.diff(times, prepend=-1) != 0)  # a moment
    moments = np.cumsum(begins, dtype=np.int32) - 1
    borders = np.append(np.flatnonzero(begins), len(order))
    cut = [
        window
        for start, stop in pairwise([*np.flatnonzero(other).tolist(), len(order)])
        for window in _windows_of(start, stop, moments, borders, length)
    ]
    starts, taught, stops = np.array(cut, dtype=np.int64).reshape(-1, 3).T
    weights = histories.weights[order]
    return Sequences(histories.rows[order], moments, kinds_of(weights), weights, starts, stops, taught)


def _windows_of(
    start: int, stop: int, moments: NDArray[np.int32], borders: NDArray[np.intp], length: int
) -> Iterator[tuple[int, int, int]]:
    """The windows of one shopper: where each starts, where teaching starts in it, and where it stops."""
    while moments[start] != moments[stop - 1]:
        last = int(borders[moments[stop - 1]])  # the last moment is only predicted
        first = last - length
        if first <= start:
            yield start, start, stop
            return
        middle = first + length // 2
        taught = middle if borders[moments[middle]] == middle else int(borders[moments[middle] + 1])
        yield first, taught, stop
        stop = taught


def length_for(histories: Histories, settings: Settings) -> int:
    """How many events a shopper tower reads: as many moments where several events come at once."""
    pairs = np.unique(np.stack([histories.shoppers.astype(np.int64), histories.times_ms]), axis=1).shape[1]
    return min(_LONGEST, round(settings.length * len(histories) / max(pairs, 1)))


def sequences_of(pasts: Sequence[Past], length: int) -> Sequences:
    """The newest events of each past as a window of its own."""
    sizes = np.array([min(len(past), length) for past in pasts], dtype=np.int64)
    stops = np.cumsum(sizes)
    starts = stops - sizes
    rows = np.concatenate([past.rows[-length:] for past in pasts])
    moments = np.concatenate([past.moments[-length:] for past in pasts])
    weights = np.concatenate([past.weights[-length:] for past in pasts])
    return Sequences(rows, -moments, kinds_of(weights), weights, starts, stops, starts)


def newest(sequences: Sequences, chosen: NDArray[np.intp]) -> Inputs:
    """The chosen windows, each asked for the vector of its shopper now."""
    at, real = _places(sequences.starts[chosen], sequences.stops[chosen])
    moments = sequences.moments[at]
    last = real & (moments == moments[:, -1:])
    queries, _ = np.nonzero(last)
    rows, kinds = sequences.rows[at].astype(np.int64), sequences.kinds[at].astype(np.int64)
    return Inputs(rows, kinds, moments.astype(np.int64), real, np.flatnonzero(last), queries, len(chosen))


def kinds_of(weights: NDArray[np.float32]) -> NDArray[np.int8]:
    """What kind of event a weight tells of, see `KINDS`."""
    return np.searchsorted(np.array(KINDS, dtype=np.float32), weights).astype(np.int8)


class Sampler:
    """Makes batches. The same seed gives the same batches."""

    def __init__(self, sequences: Sequences, shares: NDArray[np.float64], settings: Settings, seed: int) -> None:
        self._sequences = sequences
        self._shares = shares  # (n,) of all events
        self._negatives = settings.negatives
        self._random = np.random.default_rng(seed)

    def renew(self, sequences: Sequences) -> None:
        """Make the next batches of these."""
        self._sequences = sequences

    def epoch(self, size: int, count: int) -> Iterator[Batch]:
        """`count` batches of `size` windows each, drawn without putting back."""
        sequences = self._sequences
        order = self._random.permutation(len(sequences))[: size * count]
        lengths = (sequences.stops - sequences.starts)[order]
        group = np.arange(len(order)) // (size * _SORTED_AT_ONCE)
        order = order[np.lexsort((lengths, group))]
        for number in self._random.permutation(-(-len(order) // size)).tolist():
            yield self._batch(order[number * size : (number + 1) * size])

    def _batch(self, chosen: NDArray[np.intp]) -> Batch:
        sequences = self._sequences
        starts, stops = sequences.starts[chosen], sequences.stops[chosen]
        at, real = _places(starts, stops)  # (b, t)
        moments = sequences.moments[at]
        is_input = real & (moments < moments[:, -1:])  # the last moment is only predicted
        is_target = real & (moments > moments[:, :1]) & (at >= sequences.taught[chosen][:, None])
        # moments of the batch in their order; window and moment together are one query
        new = np.ones(at.shape, dtype=np.bool_)
        new[:, 1:] = np.diff(moments, axis=1) != 0
        numbers = np.cumsum(new.ravel()).reshape(at.shape)
        queries, pair_queries = np.unique(numbers[is_target] - 1, return_inverse=True)
        is_asked = is_input & np.isin(numbers, queries)
        targets = sequences.rows[at[is_target]]
        candidates, pair_candidates, log_chances = self._candidates(targets)
        width = max(1, int(is_input.sum(1).max()))
        read = sequences.rows[at[:, :width]]
        items, rows = _positions(candidates, read)
        flat = np.zeros(at[:, :width].shape, dtype=np.bool_)
        flat |= is_asked[:, :width]
        inputs = Inputs(
            rows,
            sequences.kinds[at[:, :width]].astype(np.int64),
            moments[:, :width].astype(np.int64),
            is_input[:, :width],
            np.flatnonzero(flat),
            np.searchsorted(queries, numbers[:, :width][flat]),
            len(queries),
        )
        weights = sequences.weights[at[is_target]]
        return Batch(inputs, items, log_chances, pair_queries, pair_candidates, weights)

    def _candidates(
        self, targets: NDArray[np.int32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Products to choose among (c,), the place of each target in them, and the log of their chances to be there."""
        count = len(self._shares)
        drawn = self._random.integers(count, size=self._negatives)
        candidates = np.union1d(targets, drawn)
        shares = np.minimum(self._shares[candidates], _MOST_SHARE)
        missed = np.log1p(-shares) * len(targets) + np.log1p(-1 / max(count, 2)) * self._negatives
        log_chances = np.log(-np.expm1(missed)).astype(np.float32)
        return candidates.astype(np.int64), np.searchsorted(candidates, targets), log_chances


def _places(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Positions of the events of windows, (b, t), the last one repeated as padding, and which are none."""
    at = starts[:, None] + np.arange(int((stops - starts).max(initial=1)))
    return np.minimum(at, stops[:, None] - 1), at < stops[:, None]


def _positions(candidates: NDArray[np.int64], rows: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The candidates and then all other products of `rows`, (u,), and where in them each of `rows` is."""
    others = np.setdiff1d(rows, candidates)
    items = np.concatenate([candidates, others])
    order = np.argsort(items)
    return items, order[np.searchsorted(items[order], rows)]
