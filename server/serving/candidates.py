"""The first stage: who may be of interest to one shopper, by every model that has a say, and what each says.

Models answer with short lists, so the work grows with these and not with the catalog. Lists are merged by reciprocal
ranks (Cormack, Clarke and Büttcher, SIGIR 2009), which needs no common scale.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.learned import Learned
from server.serving.native import ffi, lib, pointer

POOL = 120  # candidates that are ranked, at least: on validation 90 to 200 find as much, in time that grows with them
MOST_HISTORY = 150  # products of the past that are gone by, the newest first
_MOST_TOLD = 8_000  # entries of the linear rows; a long past gets shorter lists
_WIDTHS = (48, 200)  # least and most entries of one row
_PER_SOURCE = 120  # of each source's list that count for the merged one
_RANK_OFFSET = 30.0  # of reciprocal rank fusion; the original's 60 suits longer lists
NEAR_WORDS = 48
NEAR_BOUGHT = 32
_ALIKE_HISTORY = 20  # products of the past whose texts and vectors are compared
_IN_CATEGORY = 60
_ASKED, _SPREAD = ffi.typeof("Asked *"), ffi.typeof("double[2]")


class Pool(NamedTuple):
    """Candidates and what was said about them; its properties are (k,) float32 unless said otherwise.

    `seeds` (s,): the past's products, newest first, each once; `fade` (3, s): how much each still counts with the
    session's, the shop's own and no fading; `rows` (k,) int32, best merged first; `said` (SAID, most): see
    `native/interface.h`; `tower` (k,) float32: cosine to the shopper vector, 0 without towers; `spread`: mean and
    standard deviation of `linear[1]` over the whole catalog.
    """

    rows: NDArray[np.int32]
    seeds: NDArray[np.int32]
    fade: NDArray[np.float32]
    said: NDArray[np.float32]
    tower: NDArray[np.float32]
    spread: tuple[float, float]

    def _of(self, what: int | slice) -> NDArray[np.float32]:
        return self.said[what, ..., : len(self.rows)]

    @property
    def words(self) -> NDArray[np.float32]:
        """(2, k) likeness of texts: to the newest product, to any of the past."""
        return self._of(slice(lib.WORDS_NEWEST, lib.WORDS_ANY + 1))

    @property
    def again(self) -> NDArray[np.float32]:
        """How much the shopper is expected to choose it once more."""
        return self._of(lib.AGAIN)

    @property
    def bought(self) -> NDArray[np.float32]:
        """Co-purchase."""
        return self._of(lib.BOUGHT)

    @property
    def linear(self) -> NDArray[np.float32]:
        """(3, k) the linear model by each fading."""
        return self._of(slice(lib.LINEAR, lib.STRONGEST))

    @property
    def strongest(self) -> NDArray[np.float32]:
        """Largest single link to a product of the past."""
        return self._of(lib.STRONGEST)

    @property
    def merged(self) -> NDArray[np.float32]:
        """Merged reciprocal ranks."""
        return self._of(lib.MERGED)


def gather(learned: Learned, past: Past, left_out: NDArray[np.int32], *, again: bool, most: int = POOL) -> Pool:
    """The pool of one shopper, `most` candidates. `left_out` rows never come; `again`: what the past holds may."""
    seeds, fade = seeds_of(past, learned.asking.fading)
    vector, near = _towers(learned, past)
    rows, said, spread = _told(learned, seeds, fade, near, left_out, again=again, most=most)
    tower = learned.items[rows] @ vector if vector is not None else np.zeros(len(rows), dtype=np.float32)
    return Pool(rows, seeds, fade, said, tower, spread)


def _told(
    learned: Learned,
    seeds: NDArray[np.int32],
    fade: NDArray[np.float32],
    near: NDArray[np.int32],
    left_out: NDArray[np.int32],
    *,
    again: bool,
    most: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], tuple[float, float]]:
    """The candidates' rows (k,), and `said` and `spread` of `Pool`."""
    in_category = _in_category(learned, seeds)
    asked = {
        "models": learned.native,
        "most_linear": min(max(_MOST_TOLD // max(len(seeds), 1), _WIDTHS[0]), _WIDTHS[1]),
        "most_words": NEAR_WORDS,
        "worded": _ALIKE_HISTORY,
        "most_bought": NEAR_BOUGHT,
        "seeds": pointer(seeds),
        "fade": pointer(fade),
        "seed_count": len(seeds),
        "near": pointer(near),
        "near_count": len(near),
        "in_category": pointer(in_category),
        "category_count": len(in_category),
        "left_out": pointer(left_out),
        "left_out_count": len(left_out),
        "again": again,
        "per_source": _PER_SOURCE,
        "pool": most,
        "rank_offset": _RANK_OFFSET,
    }
    rows, said = np.empty(most, dtype=np.int32), np.zeros((lib.SAID, most), dtype=np.float32)
    sums = ffi.new(_SPREAD)
    count = lib.vitrina_gather(ffi.new(_ASKED, asked), pointer(rows), pointer(said), sums)
    if count < 0:
        raise MemoryError
    mean: float = sums[0] / len(learned.category)
    deviation = max(sums[1] / len(learned.category) - mean * mean, 1e-12) ** 0.5
    return rows[:count], said, (mean, deviation)


def seeds_of(past: Past, fading: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The products gone by, newest first, each once, (s,); and how much each counts by the three fadings, (3, s)."""
    newest = dict(zip(past.rows.tolist(), range(len(past)), strict=True))  # the last one of each row is kept
    first = np.array(sorted(newest.values(), reverse=True)[:MOST_HISTORY], dtype=np.intp)
    moments, weights = past.moments[first].astype(np.float32), past.weights[first]
    fade = np.exp(moments / np.array([[-1], [-fading], [-np.inf]], dtype=np.float32))
    return past.rows[first], (fade * weights).astype(np.float32)


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
