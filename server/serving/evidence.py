"""What really put an item into a list: the product of the shopper's past that speaks loudest for it, and how.

A reason names what the item would lose places without.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.serving.candidates import Pool
from server.serving.features import FEATURES
from server.serving.learned import Learned
from server.serving.native import ffi, lib, pointer
from server.serving.pairs import Pairs
from server.serving.snapshot import Snapshot
from server.serving.sources.asked import Asked, Voice

_WIDEST = 200
_PAIR_LOOK = 64  # entries of a pair's list that are looked through
_POPULAR_PART = 10  # one product in so many is called popular
_PLACES, _CITING = ffi.typeof("int32_t[]"), ffi.typeof("Citing *")
_AGAIN, _LINEAR_Z = FEATURES.index("again"), FEATURES.index("linear_z")


class _Trust(NamedTuple):
    """What an item must still lose without a product to cite it: `places`, by `weight` of what its silence should cost.
    `part`: the least that the product must be of all that speaks for the item.
    """

    weight: float
    part: float
    places: int


# Trees take back some of it, most where they also weigh what the shopper had before. Chosen on some shoppers of a gift
# shop so that nine of ten citations hold, and checked on others.
_LINEAR = _Trust(1.0, 0.0, 1)
_TREES = {False: _Trust(1.0, 0.0, 2), True: _Trust(0.5, 0.55, 2)}  # by whether known products may come


class Ranked(NamedTuple):
    """What was put in order for one shopper: `rows` (k,) of the pool by their `scores` (k,), which descend."""

    learned: Learned
    asked: Asked
    pool: Pool
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    def voices(self, places: Sequence[int]) -> list[Voice]:
        """Who speaks for what stands at these places.

        A product of the past speaks for a row by its faded link in the linear model, as much as that weighs in what
        ranks here.
        """
        learned, asked, seeds = self.learned, self.asked, self.pool.seeds
        position = {seed: at for at, seed in enumerate(asked.seeds)}
        # a reranker looks at how often and when each was chosen; links alone may leave the product itself unheard
        own = set(asked.past.rows.tolist()) if asked.again and asked.again in learned.rankers else set[int]()
        popular = learned.hot[: len(learned.category) // _POPULAR_PART]
        voices: list[Voice] = []
        for at, cited in zip(places, self._cited(places), strict=True):
            row, product = int(self.rows[at]), int(seeds[cited]) if cited >= 0 else -1
            if row in own or row == product:
                voices.append(("again", -1))
            elif (seed := position.get(product, -1)) >= 0:
                voices.append((LINKED, seed))
            else:
                voices.append(("popular" if row in popular else "for-you", -1))
        return voices

    def _cited(self, places: Sequence[int]) -> list[int]:
        """The seed without which each place's row loses most places, of equal ones the loudest; -1: too few.

        Asking the reranker again for each seed would take longer than the whole answer.
        """
        pool, (pairs, slope, trust) = self.pool, self._links()
        wanted = ffi.new(_PLACES, list(places))
        citing = {
            "table": pairs.address,
            "width": pairs.width,
            "most": _WIDEST,
            "seeds": pointer(pool.seeds),
            "fade": pointer(pool.fade[1]),
            "seed_count": len(pool.seeds),
            "rows": pointer(self.rows),
            "scores": pointer(self.scores),
            "count": len(self.rows),
            "places": wanted,
            "place_count": len(places),
            "slope": slope,
            "weight": trust.weight,
            "part": trust.part,
            "least": trust.places,
            "by_trees": self.asked.again in self.learned.rankers,
        }
        cited = ffi.new(_PLACES, len(places))
        if lib.vitrina_cite(ffi.new(_CITING, citing), cited) < 0:
            raise MemoryError
        return list(cited)

    def _links(self) -> tuple[Pairs, float, _Trust]:
        """By which links each product of the past speaks, what they weigh in a row's score, and how sure that is."""
        learned, again = self.learned, self.asked.again
        trees = learned.rankers.get(again)
        if trees is None:
            repeats = learned.again if again else None
            return repeats if repeats is not None else learned.linear, 1.0, _LINEAR
        slope = float(trees.slopes[_AGAIN]) + float(trees.slopes[_LINEAR_Z]) / self.pool.spread[1]
        return learned.linear, slope, _TREES[again]


LINKED = "linear"  # which link it is, `of_pair` says of what is shown


def of_pair(snapshot: Snapshot, seed: int, row: int) -> str:
    """The code that tells how `row` goes with `seed`."""
    for pairs, code in ((snapshot.bought, "bought-together"), (snapshot.viewed, "viewed-together")):
        if _holds(pairs, seed, row):
            return code
    return "similar"


def _holds(pairs: Pairs, seed: int, row: int) -> bool:
    if not pairs.width:
        return False
    rows, scores = pairs.of(np.array([seed], dtype=np.intp), _PAIR_LOOK)
    return bool(((rows[0] == row) & (scores[0] > 0)).any())
