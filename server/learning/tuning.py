"""The linear model's few settings, chosen on the shop's own validation cases, one after the other.

Each try is a whole solution, so large catalogs are tuned on their most chosen products alone: what text and order are
worth in a shop is seen there as well.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.events.histories import Histories, Past
from server.learning import linear, pictures
from server.learning.cases import Cases
from server.learning.linear import Settings, Statistics
from server.serving.candidates import seeds_of
from server.serving.pairs import Lists

FEWEST_CASES = 100  # below, the noise of a try (0.03 of recall) is larger than what settings change
_MOST_CASES = 4_000
_TUNED_UP_TO = 4_000  # products; a try takes two seconds there, and thirty with 12,000
_FADINGS = (1.0, 2.5, 5.0, 1e6)
_SHARPNESSES = (1.2, 1.5, 2.0)
_TRIES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("text", (1.0, 3.0, 10.0)),
    ("behaviour", (0.1, 0.5, 0.9)),
    ("ridge", (15.0, 150.0)),
    ("text", (2.0, 6.0)),
)
_PICTURE_TRIES: tuple[tuple[str, tuple[float, ...]], ...] = (("image", (0.0, 1.0, 3.0)),)  # where there are enough


class Tuned(NamedTuple):
    """The settings and what they are worth: NDCG@10 on the validation cases."""

    settings: Settings
    ndcg: float


def tune(
    histories: Histories,
    terms: sparse.csr_array,
    validation: Cases,
    start: Settings,
    *,
    images: NDArray[np.float32] | None = None,
    mask_known: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Search along one setting at a time (coordinate search), from `start`.

    `images` (n, v): vectors of the products' pictures, as for `linear.solve`; where most have one, their weight is
    searched as well.
    """
    if len(validation) < FEWEST_CASES:
        return Tuned(start, math.nan)
    count = len(terms.indptr) - 1
    tries = [(name, value) for name, values in _TRIES for value in values]
    if images is not None and pictures.are_enough(images):
        tries += [(name, value) for name, values in _PICTURE_TRIES for value in values]
    if count > _TUNED_UP_TO:
        images = images[_chosen_most(histories, count)] if images is not None else None
        histories, terms, validation = _most_chosen(histories, terms, validation)
    validation = validation.take(_sample(len(validation)))
    counted = linear.statistics(histories, len(terms.indptr) - 1, start.fading_taught)  # the same for all tries
    best = _worth(counted, terms, images, validation, start, mask_known)
    for number, (name, value) in enumerate(tries):
        if progress is not None:
            progress(number, len(tries))
        settings = msgspec.structs.replace(best.settings, **{name: value})
        if settings == best.settings:
            continue
        found = _worth(counted, terms, images, validation, settings, mask_known)
        best = found if found.ndcg > best.ndcg else best
    return _sharpened(counted, terms, images, validation, best, mask_known)


def _sample(count: int) -> NDArray[np.intp]:
    return np.sort(np.random.default_rng(0).permutation(count)[:_MOST_CASES])


def _worth(
    counted: Statistics,
    terms: sparse.csr_array,
    images: NDArray[np.float32] | None,
    validation: Cases,
    settings: Settings,
    mask_known: bool,
) -> Tuned:
    """The best that these settings reach with any fading of the question, which costs no new solution."""
    solution = matrix_of(linear.solve(counted, terms, settings, images=images).discover, len(terms.indptr) - 1)
    found: list[tuple[float, float]] = []
    for fading in _FADINGS:
        scores = scores_of(solution, validation.pasts, fading)
        found.append((ndcg(scores, validation, mask_known), fading))
    best, fading = max(found)
    return Tuned(msgspec.structs.replace(settings, fading=fading), best)


def _sharpened(
    counted: Statistics,
    terms: sparse.csr_array,
    images: NDArray[np.float32] | None,
    validation: Cases,
    best: Tuned,
    mask_known: bool,
) -> Tuned:
    """The same with the power of its links that finds most. It comes last, as it needs but one more solution."""
    links = linear.solve(counted, terms, best.settings, images=images).discover
    count = len(terms.indptr) - 1
    for sharpness in _SHARPNESSES:
        matrix = matrix_of(linear.sharpened(links, sharpness), count)
        worth = ndcg(scores_of(matrix, validation.pasts, best.settings.fading), validation, mask_known)
        if worth > best.ndcg:
            best = Tuned(msgspec.structs.replace(best.settings, sharpness=sharpness), worth)
    return best


def matrix_of(lists: Lists, count: int) -> Any:
    """Lists as a sparse matrix, (n, n)."""
    return sparse.csr_array((lists.scores, lists.rows, lists.starts), shape=(count, count))


def scores_of(matrix: Any, pasts: list[Past], fading: float) -> Any:
    """Scores of all products for each past, (c, n) sparse, as serving adds them up."""
    asked = [seeds_of(past, fading) for past in pasts]
    starts = np.concatenate([[0], np.cumsum([len(seeds) for seeds, _ in asked])])
    rows = np.concatenate([np.empty(0, dtype=np.int32), *(seeds for seeds, _ in asked)])
    values = np.concatenate([np.empty(0, dtype=np.float32), *(fade[1] for _, fade in asked)])
    return sparse.csr_array((values, rows, starts), shape=(len(pasts), matrix.shape[0])) @ matrix


def ndcg(scores: Any, cases: Cases, mask_known: bool, k: int = 10) -> float:
    """The mean NDCG@k of sparse scores (c, n); fast, for comparing settings. The gate measures more carefully."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    total, is_known, is_wanted = 0.0, *(np.zeros(scores.shape[1], dtype=np.bool_) for _ in range(2))
    for at in range(len(cases)):
        part = slice(scores.indptr[at], scores.indptr[at + 1])
        rows, values = scores.indices[part], scores.data[part]
        if mask_known:
            is_known[cases.known[at]] = True
            kept = ~is_known[rows]
            rows, values = rows[kept], values[kept]
            is_known[cases.known[at]] = False
        if len(rows) > k:
            top = np.argpartition(values, len(values) - k)[-k:]
            rows, values = rows[top], values[top]
        is_wanted[cases.targets[at]] = True
        hits = is_wanted[rows[np.argsort(-values, kind="stable")]]
        is_wanted[cases.targets[at]] = False
        total += float(discounts[: len(hits)] @ hits) / float(discounts[: min(k, len(cases.targets[at]))].sum())
    return total / max(len(cases), 1)


def _most_chosen(
    histories: Histories, terms: sparse.csr_array, validation: Cases
) -> tuple[Histories, sparse.csr_array, Cases]:
    """The shop as if it had only its most chosen products."""
    count = len(terms.indptr) - 1
    chosen = _chosen_most(histories, count)
    new_rows = np.full(count, -1, dtype=np.int32)
    new_rows[chosen] = np.arange(len(chosen), dtype=np.int32)
    kept = histories.take(new_rows[histories.rows] >= 0)
    sampled: Any = terms[chosen]
    return replace(kept, rows=new_rows[kept.rows]), sparse.csr_array(sampled), _narrowed(validation, new_rows)


def _chosen_most(histories: Histories, count: int) -> NDArray[np.intp]:
    return np.sort(np.argsort(-np.bincount(histories.rows, minlength=count), kind="stable")[:_TUNED_UP_TO])


def _narrowed(cases: Cases, new_rows: NDArray[np.int32]) -> Cases:
    """The cases of which something is left on both sides."""

    def renumbered(rows: NDArray[np.int32]) -> NDArray[np.int32]:
        found = new_rows[rows]
        return found[found >= 0]

    pasts: list[Past] = []
    for past in cases.pasts:
        inside = new_rows[past.rows] >= 0
        moments, weights, bought, times_ms = past.moments, past.weights, past.bought, past.times_ms
        pasts.append(
            Past(new_rows[past.rows[inside]], moments[inside], weights[inside], bought[inside], times_ms[inside])
        )
    known, targets = ([renumbered(rows) for rows in of] for of in (cases.known, cases.targets))
    kept = [at for at in range(len(cases)) if len(pasts[at]) and len(targets[at])]
    narrowed = Cases(pasts, known, targets, cases.now_ms, cases.shoppers)
    return narrowed.take(np.array(kept, dtype=np.intp))
