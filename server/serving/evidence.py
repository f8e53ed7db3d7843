"""What really put an item into a list: the product of the shopper's past that speaks loudest for it, and how.

A reason names what the item would lose places without.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.serving.candidates import Pool
from server.serving.features import FEATURES
from server.serving.learned import Learned
from server.serving.pairs import Pairs
from server.serving.snapshot import Snapshot
from server.serving.sources.asked import Asked

_WIDEST = 200
_PAIR_LOOK = 64  # entries of a pair's list that are looked through
_POPULAR_PART = 10  # one product in so many is called popular
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


def of_rows(
    learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.intp], list[str]]:
    """For each of `rows` (k,) the position of its seed in `asked.seeds` (-1: none) and the code of its reason.

    `scores` (k,), by which they are ranked, descend. A product of the past speaks for a row by its faded link in the
    linear model, as much as that weighs in what ranks here.
    """
    cited = _cited(learned, asked, pool, rows, scores)
    position = {seed: at for at, seed in enumerate(asked.seeds)}
    # a reranker looks at how often and when each product was chosen; links alone may leave the product itself unheard
    own = set(asked.past.rows.tolist()) if asked.again and asked.again in learned.rankers else set[int]()
    popular = set(learned.hot[: len(learned.places) // _POPULAR_PART].tolist())
    seeds = np.full(len(rows), -1, dtype=np.intp)
    reasons: list[str] = []
    for at, (row, voice) in enumerate(zip(rows.tolist(), cited, strict=True)):
        product = int(pool.seeds[voice]) if voice >= 0 else -1
        if row in own or row == product:
            reasons.append("again")
        elif (seed := position.get(product, -1)) >= 0:
            seeds[at] = seed
            reasons.append(LINKED)
        else:
            reasons.append("popular" if row in popular else "for-you")
    return seeds, reasons


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


def _cited(
    learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32], scores: NDArray[np.float32]
) -> list[int]:
    """The seed without which each row loses most places among the rows, of equal ones the loudest; -1: too few.

    Asking the reranker again for each seed would take longer than the whole answer.
    """
    learned.places[rows] = np.arange(len(rows))
    costs, trust = _costs(learned, asked, pool, rows)  # (k, s)
    count, seeds = costs.shape
    if not costs.any():
        return [-1] * count
    total = costs.sum(axis=1, keepdims=True)
    without = scores[:, None] - np.float32(trust.weight) * costs
    ranked_by_trees = asked.again in learned.rankers
    if ranked_by_trees:  # a product that was never chosen is not brought back: all below it come up
        inside, own = _places_of(learned.places, rows, pool.seeds)
        without[own, inside.nonzero()[0]] = -np.inf
    ranking = (-without.T).argsort(axis=1, kind="stable")  # (s, k)
    places = np.empty_like(ranking)
    np.put_along_axis(places, ranking, np.broadcast_to(np.arange(count), (seeds, count)), axis=1)
    lost = places.T - np.arange(count)[:, None]  # (k, s)
    if not ranked_by_trees:  # where nothing else speaks for it, it would not be here
        lost[costs >= np.float32(0.999) * total] = count
    heard = (costs > 0) & (costs >= np.float32(trust.part) * total)
    found = np.where(heard, lost + costs / (2 * costs.max()), -np.inf).argmax(axis=1)
    at = np.arange(count)
    return np.where(heard[at, found] & (lost[at, found] >= trust.places), found, -1).tolist()


def _costs(learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32]) -> tuple[NDArray[np.float32], _Trust]:
    """How much of each row's score each product of the past gives it by itself, (k, s), and how sure that is."""
    trees = learned.rankers.get(asked.again)
    if trees is None:
        repeats = learned.again if asked.again else None
        return _links(learned, repeats if repeats is not None else learned.linear, pool, rows), _LINEAR
    slope = trees.slopes[_AGAIN] + trees.slopes[_LINEAR_Z] / np.float32(pool.spread[1])
    return slope * _links(learned, learned.linear, pool, rows), _TREES[asked.again]


def _links(learned: Learned, pairs: Pairs, pool: Pool, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """How loudly each product of the past speaks for each of the numbered `rows` by one kind of pairs, (k, s)."""
    count = len(pool.seeds)
    found, scores = pairs.of(pool.seeds.astype(np.intp), _WIDEST)  # (s, width)
    inside, places = _places_of(learned.places, rows, found)
    cells = places * count + inside.nonzero()[0]
    faded = (scores * pool.fade[1][:, None])[inside]
    return np.bincount(cells, faded, len(rows) * count).reshape(len(rows), count).astype(np.float32)


def _places_of(
    places: NDArray[np.intp], rows: NDArray[np.int32], some: NDArray[np.int32] | NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which of `some` rows are among the numbered `rows`, and the places of these."""
    at = places[some]
    inside = at < len(rows)
    inside[inside] = rows[at[inside]] == some[inside]
    return inside, at[inside]
