"""What really put an item into a list: the product of the shopper's past that speaks loudest for it, and how.

A reason names what the item would lose places without.
"""

import numpy as np
from numpy.typing import NDArray

from server.serving.candidates import NEAR_BOUGHT, NEAR_WORDS, Pool
from server.serving.learned import Learned
from server.serving.pairs import Pairs
from server.serving.snapshot import Snapshot
from server.serving.sources.asked import Asked

_WIDEST = 200
_PAIR_LOOK = 64  # entries of a pair's list that are looked through


def of_rows(learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32]) -> tuple[NDArray[np.intp], list[str]]:
    """For each of `rows` (k,) the position of its seed in `asked.seeds` (-1: none) and the code of its reason.

    A product of the past speaks for a row by its faded link in the linear model, by co-purchase and by words.
    """
    links = _spoken(learned, asked, pool, rows)
    loudest = links.argmax(axis=1)
    spoken = links[np.arange(len(rows)), loudest] > 0
    position = {seed: at for at, seed in enumerate(asked.seeds)}
    own = set(asked.past.rows.tolist()) if asked.again else set[int]()
    seeds = np.full(len(rows), -1, dtype=np.intp)
    reasons: list[str] = []
    for at, row in enumerate(rows.tolist()):
        if row in own:
            reasons.append("again")
        elif spoken[at] and (seed := position.get(int(pool.seeds[loudest[at]]), -1)) >= 0:
            seeds[at] = seed
            reasons.append(LINKED)
        else:
            reasons.append("popular")
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


def _spoken(learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """How loudly each product of the past speaks for each row in what ranks here, (k, s) float32."""
    repeats = learned.again if asked.again else None
    if asked.again not in learned.rankers:
        return _links(repeats if repeats is not None else learned.linear, pool, rows, _WIDEST)
    links = _links(learned.linear, pool, rows, _WIDEST) / learned.typical_link
    links += _links(learned.bought, pool, rows, NEAR_BOUGHT) + _links(learned.words, pool, rows, NEAR_WORDS)
    return links


def _links(pairs: Pairs, pool: Pool, rows: NDArray[np.int32], most: int) -> NDArray[np.float32]:
    """How loudly each product of the past speaks for each row by one kind of pairs, (k, s) float32."""
    found, scores = pairs.of(pool.seeds.astype(np.intp), most)  # (s, width)
    faded = scores * pool.fade[1][:, None]
    return np.stack([np.where(found == row, faded, 0).sum(axis=1) for row in rows]).astype(np.float32)
