"""What every candidate source is asked, and what it answers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.live import Live
from server.serving.pairs import Pairs

# Per source that goes by seeds. Four times as many cost time and brought back no more of the newest orders of the gift
# shop's customers; a weak sign, as the lists of pairs had been made with these orders.
MOST_CANDIDATES = 160
FEWEST_PER_SEED = 6


class Asked(NamedTuple):
    """The request as sources see it.

    `seeds`: rows to go by, `rows` (s,) the same as an array; the first `given` of them the page named, the rest are
    the shopper's own, strongest first. `weights` (s,) float32 in 0..1. `category`: the one asked for, -1 for none.
    `past`: what trained models go by; `left_out` (l,) rows that will not be shown, `again`: whether what the past holds
    may be; `limit`: how many products are wanted.
    """

    live: Live
    seeds: Sequence[int]
    rows: NDArray[np.intp]
    weights: NDArray[np.float32]
    given: int
    category: int
    past: Past
    left_out: NDArray[np.intp]
    again: bool
    limit: int


class Candidates(NamedTuple):
    """What one source found. `reason` is the code that explains it; `reasons` explain each by its own where there are.

    `rows` (k,) int32, a row may come several times; `scores` (k,) float32 about 0..1; `seeds` (k,) intp: position of
    the seed that brought each; where `per_seed` is set, each seed in turn brought that many; with neither, none did.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    reason: str
    seeds: NDArray[np.intp] | None = None
    per_seed: int = 0
    reasons: Sequence[str] | None = None

    def why(self, at: int) -> str:
        """The code that explains candidate `at`."""
        return self.reasons[at] if self.reasons is not None else self.reason

    def seed(self, at: int) -> int:
        """Position of the seed that brought candidate `at`, -1 for none."""
        if self.per_seed:
            return at // self.per_seed
        return int(self.seeds[at]) if self.seeds is not None else -1


def by_seeds(asked: Asked, pairs: Pairs, reason: str) -> Candidates | None:
    """Candidates from lists of pairs: those of every seed, weighted by the seed."""
    if not asked.seeds or not pairs.width:
        return None
    most = max(FEWEST_PER_SEED, MOST_CANDIDATES // len(asked.seeds))
    rows, scores = pairs.of(asked.rows, most)
    return Candidates(rows.ravel(), (scores * asked.weights[:, None]).ravel(), reason, per_seed=rows.shape[1])
