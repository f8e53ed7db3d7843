"""What every candidate source is asked, and what it answers."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.live import Live
from server.serving.native import NULL, pointer
from server.serving.pairs import Pairs

# Per source that goes by seeds. Four times as many cost time and brought back no more of the newest orders of the gift
# shop's customers; a weak sign, as the lists of pairs had been made with these orders.
MOST_CANDIDATES = 160
FEWEST_PER_SEED = 6

Voice = tuple[str, int]  # the code of a reason, and the position of the seed that it names, -1 for none


class Asked(NamedTuple):
    """The request as sources see it.

    `seeds`: rows to go by; the first `given` of them the page named, the rest are the shopper's own, strongest first.
    `weights`: of the seeds, 0..1. `category`: the one asked for, -1 for none. `past`: what trained models go by;
    `left_out`: rows that will not be shown, `again`: whether what the past holds may be; `limit`: how many products are
    wanted.
    """

    live: Live
    seeds: Sequence[int]
    weights: Sequence[float]
    given: int
    category: int
    past: Past
    left_out: Sequence[int]
    again: bool
    limit: int


class Candidates(NamedTuple):
    """A list that one source found. `reason` is the code that explains it.

    `rows` (k,) int32, a row may come several times; `scores` (k,) float32 about 0..1; `seeds` (k,) intp: position of
    the seed that brought each, -1 for none; where there are no seeds, none did. `explain` tells both of each of some
    candidates instead, where that takes time that is worth while for what is shown alone.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    reason: str
    seeds: NDArray[np.intp] | None = None
    explain: Callable[[Sequence[int]], list[Voice]] | None = None

    def voices(self, places: Sequence[int]) -> list[Voice]:
        """Who speaks for the candidates at these places."""
        if self.explain is not None and places:
            return self.explain(places)
        return [(self.reason, int(self.seeds[at]) if self.seeds is not None else -1) for at in places]

    def all_rows(self, _asked: Asked) -> NDArray[np.int32]:
        """The rows of all candidates."""
        return self.rows

    def native(self, weight: float) -> tuple[Any, ...]:
        """The `Source` of `native/interface.h`."""
        return pointer(self.rows), pointer(self.scores), len(self.rows), 0, 0, 0, weight


class Linked(NamedTuple):
    """The lists of every seed, each weighted by its seed: at most the first `most` entries of it, whose scores are
    multiplied by `scale` and are no more than `highest`.
    """

    pairs: Pairs
    most: int
    reason: str
    scale: float = 1.0
    highest: float = inf

    def voices(self, places: Sequence[int]) -> list[Voice]:
        """Who speaks for what the seeds at these places brought: they themselves."""
        return [(self.reason, at) for at in places]

    def all_rows(self, asked: Asked) -> NDArray[np.int32]:
        """The rows of all candidates."""
        return self.pairs.of(np.array(asked.seeds, dtype=np.intp), self.most)[0].ravel()

    def native(self, weight: float) -> tuple[Any, ...]:
        """The `Source` of `native/interface.h`."""
        pairs = self.pairs
        return pairs.address, NULL, pairs.width, self.most, self.scale, self.highest, weight


Found = Candidates | Linked


def by_seeds(asked: Asked, pairs: Pairs, reason: str) -> Linked | None:
    """Candidates from lists of pairs: those of every seed."""
    if not asked.seeds or not pairs.width:
        return None
    return Linked(pairs, max(FEWEST_PER_SEED, MOST_CANDIDATES // len(asked.seeds)), reason)
