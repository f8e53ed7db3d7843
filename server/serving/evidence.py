"""What really put an item into a list: the product of the shopper's past that speaks loudest for it, and how.

A reason names what the item would lose places without.
"""

import numpy as np
from numpy.typing import NDArray

from server.serving.candidates import NEAR_BOUGHT, NEAR_WORDS, Pool, places_of
from server.serving.learned import Learned
from server.serving.pairs import Pairs
from server.serving.snapshot import Snapshot
from server.serving.sources.asked import Asked

_WIDEST = 200
_PAIR_LOOK = 64  # entries of a pair's list that are looked through


def of_rows(
    learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.intp], list[str]]:
    """For each of `rows` (k,) the position of its seed in `asked.seeds` (-1: none) and the code of its reason.

    `scores` (k,), by which they are ranked, descend. A product of the past speaks for a row by its faded link in the
    linear model, by co-purchase and by words.
    """
    cited = _cited(_spoken(learned, asked, pool, rows), scores)
    position = {seed: at for at, seed in enumerate(asked.seeds)}
    # a reranker looks at how often and when each product was chosen; links alone may leave the product itself unheard
    own = set(asked.past.rows.tolist()) if asked.again and asked.again in learned.rankers else set[int]()
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


def _cited(links: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """The seed without which each row loses most places among the rows, of equal ones the loudest; -1: it loses none.

    What a seed's silence costs a score is taken to grow with its link (k, s), as scores do over all the rows: asking
    the reranker again for each seed would take longer than the whole answer.
    """
    count, seeds = links.shape
    if not links.any():
        return [-1] * count
    total = links.sum(axis=1)
    centred = total - total.mean()
    slope = max(float(centred @ (scores - scores.mean())) / max(float(centred @ centred), 1e-12), 0.0)
    without = (scores[:, None] - np.float32(slope) * links).T  # (s, k)
    ranking = (-without).argsort(axis=1, kind="stable")
    places = np.empty_like(ranking)
    np.put_along_axis(places, ranking, np.broadcast_to(np.arange(count), (seeds, count)), axis=1)
    lost = places.T - np.arange(count)[:, None]  # (k, s)
    lost[links >= np.float32(0.999) * total[:, None]] = count  # nothing else speaks for it: it would not be here
    found = np.where(links > 0, lost + links / (2 * links.max()), 0).argmax(axis=1)
    at = np.arange(count)
    return np.where((lost[at, found] > 0) & (links[at, found] > 0), found, -1).tolist()


def _spoken(learned: Learned, asked: Asked, pool: Pool, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """How loudly each product of the past speaks for each row in what ranks here, (k, s) float32."""
    learned.places[rows] = np.arange(len(rows))
    if asked.again not in learned.rankers:
        repeats = learned.again if asked.again else None
        return _links(learned, repeats if repeats is not None else learned.linear, pool, rows, _WIDEST)
    links = _links(learned, learned.linear, pool, rows, _WIDEST) / learned.typical_link
    links += _links(learned, learned.bought, pool, rows, NEAR_BOUGHT)
    links += _links(learned, learned.words, pool, rows, NEAR_WORDS)
    return links


def _links(learned: Learned, pairs: Pairs, pool: Pool, rows: NDArray[np.int32], most: int) -> NDArray[np.float32]:
    """How loudly each product of the past speaks for each of the numbered `rows` by one kind of pairs, (k, s)."""
    count = len(pool.seeds)
    found, scores = pairs.of(pool.seeds.astype(np.intp), most)  # (s, width)
    inside, places = places_of(learned.places, rows, found)
    cells = places * count + inside.nonzero()[0]
    faded = (scores * pool.fade[1][:, None])[inside]
    return np.bincount(cells, faded, len(rows) * count).reshape(len(rows), count).astype(np.float32)
