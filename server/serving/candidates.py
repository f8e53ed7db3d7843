"""The first stage: who may be of interest to one shopper, by every model that has a say, and what each says.

Models answer with short lists, so the work grows with these and not with the catalog. Lists are merged by reciprocal
ranks (Cormack, Clarke and Büttcher, SIGIR 2009), which needs no common scale.
"""

from functools import cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.learned import Learned

POOL = 200  # candidates that are ranked; the reranker cannot lift what is not among them
MOST_HISTORY = 150  # products of the past that are gone by, the newest first
_MOST_TOLD = 8_000  # entries of the linear rows; a long past gets shorter lists
_WIDTHS = (48, 200)  # least and most entries of one row
_PER_SOURCE = 120  # of each source's list that count for the merged one
_RANK_OFFSET = 30.0  # of reciprocal rank fusion; the original's 60 suits longer lists
NEAR_WORDS = 48
NEAR_BOUGHT = 32
_ALIKE_HISTORY = 20  # products of the past whose texts and vectors are compared
_IN_CATEGORY = 60
_POSITION = 0xFFFFFFFF  # the lower half of a key


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


def gather(learned: Learned, past: Past, left_out: NDArray[np.int32] | NDArray[np.intp], *, again: bool) -> Pool:
    """The pool for one shopper. `left_out` rows never come; `again`: what the past holds may."""
    seeds, fade = seeds_of(past, learned.asking.fading)
    at = seeds.astype(np.intp)  # what numpy looks up by without a conversion
    width = min(max(_MOST_TOLD // max(len(seeds), 1), _WIDTHS[0]), _WIDTHS[1])
    told_rows, told = learned.linear.of(at, width)  # (s, width)
    repeats = learned.again if again else None
    repeated_rows, repeated = repeats.of(at, width) if repeats is not None else _nothing(seeds)
    word_rows, word_scores = learned.words.of(at[:_ALIKE_HISTORY], NEAR_WORDS)
    bought_rows, bought_scores = learned.bought.of(at, NEAR_BOUGHT)
    vector, near = _towers(learned, past)
    parts = [told_rows, repeated_rows, word_rows, bought_rows, near, learned.hot, _in_category(learned, seeds)]
    if again:
        parts.append(seeds)
    rows, (told_at, repeated_at, words_at, bought_at, *lists_at) = _number(learned.places, parts)
    count = len(rows)
    said = np.zeros((7, count), dtype=np.float32)  # by the newest text, by any text, again, bought, linear three times
    words, linear = said[:2], said[4:]
    np.maximum.at(words[1], words_at, word_scores.ravel())
    if len(seeds):
        words[0][words_at[: word_rows.shape[1]]] = word_scores[0]
    said[2] = _summed(repeated_at, repeated, fade[1], count)
    said[3] = _summed(bought_at, bought_scores, fade[1], count)
    for number, of in enumerate(fade):
        linear[number] = _summed(told_at, told, of, count)
    strongest = np.zeros(count, dtype=np.float32)
    np.maximum.at(strongest, told_at, told.ravel())

    allowed = np.ones(count, dtype=np.bool_)
    for known in (left_out,) if again else (left_out, seeds):
        allowed[places_of(learned.places, rows, known)[1]] = False
    merged = _merged(said[1:6] * allowed, lists_at) * allowed
    kept = _best(merged, POOL)
    said_of_kept = said.take(kept, axis=1)
    return Pool(
        rows[kept],
        seeds,
        fade,
        said_of_kept[4:],
        strongest[kept],
        _spread(linear[1], len(learned.places)),
        said_of_kept[2],
        said_of_kept[:2],
        said_of_kept[3],
        learned.items[rows[kept]] @ vector if vector is not None else np.zeros(len(kept), dtype=np.float32),
        merged[kept],
    )


def seeds_of(past: Past, fading: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The products gone by, newest first, each once, (s,); and how much each counts by the three fadings, (3, s)."""
    newest = dict(zip(past.rows.tolist(), range(len(past)), strict=True))  # the last one of each row is kept
    first = np.array(sorted(newest.values(), reverse=True)[:MOST_HISTORY], dtype=np.intp)
    moments, weights = past.moments[first].astype(np.float32), past.weights[first]
    fade = np.exp(moments / np.array([[-1], [-fading], [-np.inf]], dtype=np.float32))
    return past.rows[first], (fade * weights).astype(np.float32)


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
    places: NDArray[np.intp], parts: list[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], list[NDArray[np.intp]]]:
    """All rows of the parts, each once, and each part's rows as positions in it.

    Without sorting: every row's place is written by all its occurrences, and the last one to write owns it. `places`
    keeps the numbers afterwards.
    """
    everything = np.concatenate([part.ravel() for part in parts], dtype=np.intp)
    owners = np.arange(len(everything))
    places[everything] = owners
    rows = everything[places[everything] == owners]
    places[rows] = owners[: len(rows)]
    numbers = places[everything]
    stops = list(accumulate(part.size for part in parts))
    return rows.astype(np.int32), [numbers[stop - part.size : stop] for stop, part in zip(stops, parts, strict=True)]


def _summed(
    at: NDArray[np.intp], scores: NDArray[np.float32], fade: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """What all seeds' lists, (s, width) at positions `at`, say together; (count,)."""
    return np.bincount(at, (scores * fade[:, None]).ravel(), count).astype(np.float32)


def places_of(
    places: NDArray[np.intp], rows: NDArray[np.int32], some: NDArray[np.int32] | NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which of `some` rows are among the numbered `rows`, and the places of these."""
    at = places[some]
    inside = at < len(rows)
    inside[inside] = rows[at[inside]] == some[inside]
    return inside, at[inside]


def _merged(scored: NDArray[np.float32], lists: list[NDArray[np.intp]]) -> NDArray[np.float32]:
    """Reciprocal ranks, added up over scores (sources, u) and over lists of positions; (u,)."""
    keys = _largest(scored, _PER_SOURCE)
    lists = [*(~some[some >= 0] & _POSITION for some in keys), *lists]
    shares = [_shares(len(listed)) for listed in lists]
    return np.bincount(np.concatenate(lists), np.concatenate(shares), scored.shape[1]).astype(np.float32)


@cache
def _shares(count: int) -> NDArray[np.float32]:
    """The reciprocal ranks of a list."""
    return np.reciprocal(np.arange(count, dtype=np.float32) + np.float32(_RANK_OFFSET))


def _best(scores: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Positions of the `most` largest scores above 0, largest first, of equal ones the first first."""
    keys = _largest(scores, most)
    return ~keys[keys >= 0] & _POSITION


def _largest(scores: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Keys of the `most` largest of the last axis, largest first: below 0 for no score, else with the complement of
    the score's position in the lower half.

    The bits of floats from 0 up have their order, and whole numbers are sorted many times faster than positions.
    """
    keys = scores.view(np.int32).astype(np.int64)
    keys <<= 32
    keys -= np.arange(1, scores.shape[-1] + 1)
    cut = keys.shape[-1] - most
    if cut > 0:
        keys = np.partition(keys, cut, axis=-1)[..., cut:]
    keys.sort(axis=-1)
    return keys[..., ::-1]


def _spread(scores: NDArray[np.float32], count: int) -> tuple[float, float]:
    """Mean and standard deviation of the scores of `count` products, of which all but these are 0."""
    mean = float(scores.sum()) / count
    return mean, max(float(scores @ scores) / count - mean * mean, 1e-12) ** 0.5
