"""What a model is taught with and judged by: what a shopper did before, and what came next.

The splits are those of the literature (leave one out, a global cut in time) and never let a model see what it shall
predict. A case's `past` is cut by the same code that serving uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories, Past, past_at


@dataclass(frozen=True, slots=True)
class Cases:
    """Moments to be predicted, c of them.

    `pasts`: what a model sees; `known`: every product of the shopper's whole past, each once; `targets`: the products
    that came next, each once; `now_ms` (c,) int64 when; `shoppers` (c,) int32 whose.
    """

    pasts: list[Past]
    known: list[NDArray[np.int32]]
    targets: list[NDArray[np.int32]]
    now_ms: NDArray[np.int64]
    shoppers: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pasts)

    def take(self, chosen: NDArray[np.intp]) -> "Cases":
        """The cases at these positions."""
        picked = [[of[at] for at in chosen.tolist()] for of in (self.pasts, self.known, self.targets)]
        return Cases(*picked, self.now_ms[chosen], self.shoppers[chosen])  # type: ignore[arg-type]

    def new_only(self) -> "Cases":
        """The same moments with only those targets that the shopper had nothing to do with before."""
        targets = [target[~np.isin(target, known)] for target, known in zip(self.targets, self.known, strict=True)]
        kept = np.array([at for at, target in enumerate(targets) if len(target)], dtype=np.intp)
        cases = Cases(self.pasts, self.known, targets, self.now_ms, self.shoppers)
        return cases.take(kept)


def leave_last_out(histories: Histories, places: int = 2) -> tuple[Histories, list[Cases]]:
    """Hold back the last `places` events of every shopper; shoppers with fewer than `places` + 1 events stay whole.

    Returns what is left for training, and the cases of each place: with two, those of the last event but one
    (validation), then those of the last (test), whose past holds the event before it.
    """
    trained = np.ones(len(histories), dtype=np.bool_)
    parts: list[list[tuple[int, NDArray[np.intp], NDArray[np.intp]]]] = [[] for _ in range(places)]
    for shopper, positions in by_shopper(histories):
        if len(positions) <= places:
            continue
        trained[positions[-places:]] = False
        for place in range(places):
            at = len(positions) - places + place
            parts[place].append((shopper, positions[:at], positions[at : at + 1]))
    return histories.take(trained), [_cases(histories, part) for part in parts]


def time_cut(
    histories: Histories,
    cut_ms: int,
    *,
    next_moment: bool = False,
    until_ms: int | None = None,
    newcomers: bool = False,
) -> Cases:
    """What shoppers known before `cut_ms` did from then on (and before `until_ms`): everything, or the next moment.

    `newcomers`: also the last moment of those who came after the cut, who are most of a shop's visitors.
    """
    found: list[tuple[int, NDArray[np.intp], NDArray[np.intp]]] = []
    times = histories.times_ms
    for shopper, positions in by_shopper(histories):
        border = int(np.searchsorted(times[positions], cut_ms))
        later = positions[border:]
        if until_ms is not None:
            later = later[times[later] < until_ms]
        if next_moment and len(later):
            later = later[times[later] == times[later[0]]]
        if border and len(later):
            found.append((shopper, positions[:border], later))
        elif newcomers and len(later):
            last = times[later] == times[later[-1]]
            if not last.all():
                found.append((shopper, later[~last], later[last]))
    return _cases(histories, found)


def before(histories: Histories, cut_ms: int) -> Histories:
    """The events before a moment."""
    return histories.take(histories.times_ms < cut_ms)


def by_shopper(histories: Histories) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Every shopper with the positions of their events, oldest first."""
    if not len(histories):
        return
    order = np.argsort(histories.shoppers, kind="stable")
    shoppers = histories.shoppers[order]
    starts = np.flatnonzero(np.diff(shoppers, prepend=shoppers[0] - 1))
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        yield int(shoppers[start]), order[start:stop]


def _cases(histories: Histories, parts: list[tuple[int, NDArray[np.intp], NDArray[np.intp]]]) -> Cases:
    """Cases of (shopper, positions before, positions of what came next)."""
    rows, times = histories.rows, histories.times_ms
    return Cases(
        pasts=[past_at(histories, past) for _, past, _ in parts],
        known=[np.unique(rows[past]) for _, past, _ in parts],
        targets=[np.unique(rows[after]) for _, _, after in parts],
        now_ms=np.array([times[after[0]] for _, _, after in parts], dtype=np.int64),
        shoppers=np.array([shopper for shopper, _, _ in parts], dtype=np.int32),
    )
