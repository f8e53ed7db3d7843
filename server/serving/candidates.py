"""The first stage: who may be of interest to one shopper, by every model that has a say, and what each says.

Models answer with short lists, so the work grows with these and not with the catalog. Lists are merged by reciprocal
ranks (Cormack, Clarke and Büttcher, SIGIR 2009), which needs no common scale.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.learned import Learned

POOL = 200  # candidates that are ranked; the reranker cannot lift what is not among them
MOST_HISTORY = 64  # products of the past that are gone by, the newest first
_MOST_TOLD = 8_000  # entries of the linear rows; a long past gets shorter lists
_WIDTHS = (48, 200)  # least and most entries of one row
_PER_SOURCE = 120  # of each source's list that count for the merged one
_RANK_OFFSET = 30.0  # of reciprocal rank fusion; the original's 60 suits longer lists
NEAR_WORDS = 48
NEAR_BOUGHT = 32
_ALIKE_HISTORY = 20  # products of the past whose texts and vectors are compared
_IN_CATEGORY = 60


class Pool(NamedTuple):
    """Candidates and what was said about them; arrays are (k,) float32 unless said otherwise.

    `seeds` (s,) the past's products, newest first, each once; `fade` (3, s): how much each still counts with the
    session's, the shop's own and no fading; `rows` (k,) int32, in no order.
    """

    rows: NDArray[np.int32]
    seeds: NDArray[np.int32]
    fade: NDArray[np.float32]
    linear: NDArray[np.float32]  # (3, k) the linear model by each fading
    strongest: NDArray[np.float32]  # largest single link to a product of the past
    spread: tuple[float, float]  # mean and standard deviation of `linear[1]` over the whole catalog
    again: NDArray[np.float32]
    words: NDArray[np.float32]  # (2, k) likeness of texts: to the newest product, to any of the past
    bought: NDArray[np.float32]
    tower: NDArray[np.float32]  # cosine to the shopper vector, 0 without towers
    merged: NDArray[np.float32]  # merged reciprocal ranks


def gather(learned: Learned, past: Past, left_out: NDArray[np.int32], *, again: bool) -> Pool:
    """The pool for one shopper. `left_out` rows never come; `again`: what the past holds may."""
    seeds, fade = seeds_of(past, learned.asking.fading)
    width = min(max(_MOST_TOLD // max(len(seeds), 1), _WIDTHS[0]), _WIDTHS[1])
    told_rows, told = learned.linear.of(seeds.astype(np.intp), width)  # (s, width)
    repeated = (
        learned.again.of(seeds.astype(np.intp), width) if learned.again is not None and again else _nothing(seeds)
    )
    word_rows, word_scores = learned.words.of(seeds[:_ALIKE_HISTORY].astype(np.intp), NEAR_WORDS)
    bought_rows, bought_scores = learned.bought.of(seeds.astype(np.intp), NEAR_BOUGHT)
    vector, near = _towers(learned, past)
    category = _in_category(learned, seeds)
    parts = [
        told_rows.ravel(),
        repeated[0].ravel(),
        word_rows.ravel(),
        bought_rows.ravel(),
        near,
        learned.hot,
        category,
    ]
    if again:
        parts.append(seeds)
    rows, numbers = _number(learned.places, parts)
    count = len(rows)
    told_at, again_at, words_at, bought_at, *lists_at = numbers
    flat = told.ravel()
    linear = np.stack(
        [np.bincount(told_at, (told * of[:, None]).ravel(), count) for of in fade]  # (3, u)
    ).astype(np.float32)
    strongest = np.zeros(count, dtype=np.float32)
    np.maximum.at(strongest, told_at, flat)
    repeat = np.bincount(again_at, (repeated[1] * fade[1][:, None]).ravel(), count).astype(np.float32)
    words = np.zeros((2, count), dtype=np.float32)
    np.maximum.at(words[1], words_at, word_scores.ravel())
    if len(seeds):
        words[0][words_at[: word_rows.shape[1]]] = word_scores[0]
    knn = np.bincount(bought_at, (bought_scores * fade[1][:, None]).ravel(), count).astype(np.float32)
    tower = learned.items[rows] @ vector if vector is not None else np.zeros(count, dtype=np.float32)

    allowed = np.ones(count, dtype=np.bool_)
    allowed[learned.places[left_out][_named(learned.places, rows, left_out)]] = False
    if not again:
        allowed[learned.places[seeds][_named(learned.places, rows, seeds)]] = False
    merged = _merged((linear[1], linear[0], repeat, words[1], knn), lists_at, count, allowed)
    kept = _best(merged, POOL)
    sums = float(linear[1].sum()), float(linear[1] @ linear[1])
    mean = sums[0] / len(learned.places)
    spread = mean, max(sums[1] / len(learned.places) - mean * mean, 1e-12) ** 0.5
    return Pool(
        rows[kept],
        seeds,
        fade,
        linear[:, kept],
        strongest[kept],
        spread,
        repeat[kept],
        words[:, kept],
        knn[kept],
        tower[kept],
        merged[kept],
    )


def seeds_of(past: Past, fading: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The products gone by, newest first, each once, (s,); and how much each counts by the three fadings, (3, s)."""
    newest_first = past.rows[::-1]
    _, first = np.unique(newest_first, return_index=True)
    first.sort()
    first = first[:MOST_HISTORY]
    moments, weights = past.moments[::-1][first].astype(np.float32), past.weights[::-1][first]
    fade = np.stack([np.exp(-moments), np.exp(moments / np.float32(-fading)), np.ones_like(moments)])
    return newest_first[first], (fade * weights).astype(np.float32)


def _nothing(seeds: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    return np.empty((len(seeds), 0), dtype=np.int32), np.empty((len(seeds), 0), dtype=np.float32)


def _towers(learned: Learned, past: Past) -> tuple[NDArray[np.float32] | None, NDArray[np.int32]]:
    """The shopper vector (d,), and the rows of the items nearest to it."""
    if learned.tower is None or learned.near is None or not len(past):
        return None, np.empty(0, dtype=np.int32)
    vector = learned.tower.vector(past, learned.items)
    rows, _ = learned.near.search(vector, min(_PER_SOURCE, len(learned.items)), None)
    return vector, rows.astype(np.int32)


def _in_category(learned: Learned, seeds: NDArray[np.int32]) -> NDArray[np.int32]:
    """What is popular in the category of the newest product."""
    starts, rows = learned.of_category
    category = int(learned.category[seeds[0]]) if len(seeds) else -1
    if category < 0:
        return np.empty(0, dtype=np.int32)
    return rows[starts[category] : min(starts[category] + _IN_CATEGORY, starts[category + 1])]


def _number(
    places: NDArray[np.int32], parts: list[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], list[NDArray[np.int32]]]:
    """All rows of the parts, each once, and each part's rows as positions in it.

    Without sorting: every row's place is written by all its occurrences, and the last one to write owns it. `places`
    keeps the numbers afterwards.
    """
    everything = np.concatenate(parts)
    owners = np.arange(len(everything), dtype=np.int32)
    places[everything] = owners
    rows = everything[places[everything] == owners]
    places[rows] = np.arange(len(rows), dtype=np.int32)
    numbers = places[everything]
    return rows, np.split(numbers, np.cumsum([len(part) for part in parts])[:-1])


def _named(places: NDArray[np.int32], rows: NDArray[np.int32], some: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of `some` rows are among `rows`, going by their places."""
    at = places[some]
    inside = at < len(rows)
    inside[inside] = rows[at[inside]] == some[inside]
    return inside


def _merged(
    scored: tuple[NDArray[np.float32], ...],
    lists: list[NDArray[np.int32]],
    count: int,
    allowed: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Reciprocal ranks, added up over sources with scores (u,) and over lists of positions; (u,), 0: not allowed."""
    merged = np.zeros(count, dtype=np.float32)
    for scores in scored:
        best = _best(scores * allowed, _PER_SOURCE)
        best = best[scores[best] > 0]
        merged[best] += 1 / (_RANK_OFFSET + np.arange(len(best), dtype=np.float32))
    for listed in lists:
        merged[listed] += 1 / (_RANK_OFFSET + np.arange(len(listed), dtype=np.float32))
    return merged * allowed


def _best(scores: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Positions of the `most` largest scores above 0, largest first."""
    cut = len(scores) - most
    best = np.argpartition(scores, cut)[cut:] if cut > 0 else np.arange(len(scores))
    best = best[scores[best] > 0]
    return best[np.argsort(-scores[best], kind="stable")]
