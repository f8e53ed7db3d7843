"""What everybody buys: of all time, and where times are known of the last 30 and 7 days."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.protocols import DAY_MS
from benchmarks.quality.splits import Split
from server.events.histories import Histories
from server.learning.cases import Cases
from server.learning.evaluation import Scorer

_RECENT_DAYS = (30, 7)


class Popularity:
    """Scores products by the number of events, the same for everybody."""

    def __init__(self, name: str, histories: Histories, count: int) -> None:
        self.name = name
        self._counts = np.bincount(histories.rows, minlength=count).astype(np.float32)  # (n,)

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        return np.tile(self._counts, (len(cases), 1))


def fit(split: Split, seed: int) -> list[Scorer]:
    """Nothing is left to chance: `seed` is not used."""
    del seed
    events, count = split.whole, len(split.products)
    scorers: list[Scorer] = [Popularity("popularity", events, count)]
    if len(events) and events.newest_ms - int(events.times_ms[0]) > max(_RECENT_DAYS) * DAY_MS:
        for days in _RECENT_DAYS:
            recent = events.take(events.times_ms > events.newest_ms - days * DAY_MS)
            scorers.append(Popularity(f"popularity, {days} days", recent, count))
    return scorers
