"""A. The linear model: item to item, with transitions and kernels inside its Gram matrix; solved in closed form.

One ridge regression answers three questions at once: what do the same shoppers choose (EASE, Steck 2019), what comes
next (SLIST, Choi et al. 2021), and what reads or looks alike (a kernel acts as pseudo-shoppers who choose similar
products, which carries products that hardly anybody has chosen yet). It has no seed and no epochs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import get_lapack_funcs

from server.events.histories import Histories
from server.learning import pictures
from server.learning.cases import by_shopper
from server.serving.pairs import Lists

Progress = Callable[[int, int], None]

KEPT = 200  # entries per row of the solution; more change no list (measured on Beauty: 200 and 500 give the same)
BASKET_SHOP = 1.5  # mean products of a moment, from which a shop's orders are baskets without an order inside
_MOST_MOMENTS = 20  # of a shopper's past; what came before fades to nothing
_ROWS_AT_ONCE = 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The few settings, chosen per shop.

    `behaviour`: share of what is chosen together, against what comes next; `text` and `image`: weight of the kernels;
    `ridge`; `sharpness`: power of the links, more than 1 where one strong link says more than several weak ones;
    `fading_taught` and `fading`: moments after which a past choice counts 1/e, in teaching and in asking.
    """

    behaviour: float = 0.3
    text: float = 4.0
    image: float = 0.0
    ridge: float = 60.0
    sharpness: float = 1.0
    fading_taught: float = 3.0
    fading: float = 2.5


class Statistics(NamedTuple):
    """What the events say: (n, n) sparse float32 each, the same for all settings but `fading_taught`."""

    together: sparse.csr_array  # XᵀX: chosen by the same shopper (and in the same basket)
    past: sparse.csr_array  # SᵀS: the pasts themselves
    following: sparse.csr_array  # SᵀT: what came after each past


def is_basket_shop(histories: Histories) -> bool:
    """Whether several products are usually chosen at one moment."""
    if not len(histories):
        return False
    moments = len(np.unique(np.stack([histories.shoppers, histories.times_ms], axis=1), axis=0))
    return len(histories) / moments > BASKET_SHOP


class Choices(NamedTuple):
    """The matrices whose products the statistics are, sparse float32, rows by columns of products."""

    chosen: sparse.csr_array  # X: a shopper (or a basket) each
    pasts: sparse.csr_array  # S: a moment each, what came before it, faded
    nexts: sparse.csr_array  # T: the same moments, what was chosen then


def statistics(histories: Histories, count: int, fading: float) -> Statistics:
    """Count once what all settings share; `count`: number of products."""
    return counted(choices(histories, count, fading))


def counted(made: Choices) -> Statistics:
    """What the choices say of each pair of products."""
    return Statistics(
        sparse.csr_array(made.chosen.T @ made.chosen),
        sparse.csr_array(made.pasts.T @ made.pasts),
        sparse.csr_array(made.pasts.T @ made.nexts),
    )


def choices(histories: Histories, count: int, fading: float) -> Choices:
    """Who chose what, and what before it."""
    baskets = is_basket_shop(histories)
    together = _Rows(count)
    past, after = _Rows(count), _Rows(count)
    for _, positions in by_shopper(histories):
        rows, weights = histories.rows[positions], histories.weights[positions]
        moments = np.cumsum(np.diff(histories.times_ms[positions], prepend=histories.times_ms[positions[0]]) != 0)
        chosen, strongest = _strongest(rows, weights)
        together.add(chosen, strongest * np.float32(len(chosen) ** -0.25 if baskets else 1.0))
        starts = np.flatnonzero(np.diff(moments, prepend=-1))
        for number, start in enumerate(starts.tolist()):
            stop = starts[number + 1] if number + 1 < len(starts) else len(rows)
            now, now_weights = _strongest(rows[start:stop], weights[start:stop])
            if baskets:
                together.add(now, now_weights * np.float32(len(now) ** -0.25))
            if not number:
                continue
            first = starts[max(0, number - _MOST_MOMENTS)]
            faded = weights[first:start] * np.exp((moments[first:start] - number + 1) / fading, dtype=np.float32)
            seen, seen_weights = _strongest(rows[first:start], faded)
            past.add(seen, seen_weights / np.float32(len(seen) ** 0.5 if baskets else 1.0))
            after.add(now, now_weights)
    return Choices(together.matrix(), past.matrix(), after.matrix())


class _Rows:
    """A sparse matrix that grows row by row."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._rows: list[NDArray[np.int32]] = []
        self._values: list[NDArray[np.float32]] = []

    def add(self, rows: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        """One more row."""
        self._rows.append(rows)
        self._values.append(values.astype(np.float32))

    def matrix(self) -> sparse.csr_array:
        """All rows, (rows, count) float32."""
        if not self._rows:
            return sparse.csr_array((0, self._count), dtype=np.float32)
        starts = np.concatenate([[0], np.cumsum([len(rows) for rows in self._rows])])
        parts = (np.concatenate(self._values), np.concatenate(self._rows), starts)
        return sparse.csr_array(parts, shape=(len(self._rows), self._count), dtype=np.float32)


def _strongest(rows: NDArray[np.int32], weights: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Each product once, with the largest of its weights."""
    if len(rows) == 1:
        return rows, weights
    order = np.lexsort((-weights, rows))
    ordered = rows[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first], weights[order][first]


class Solution(NamedTuple):
    """The strongest entries of each product's row. `again` keeps the diagonal: what is chosen once more."""

    discover: Lists
    again: Lists | None


def sharpened(lists: Lists, sharpness: float) -> Lists:
    """The links to that power; they stay in their order."""
    return lists if sharpness == 1 else lists._replace(scores=lists.scores ** np.float32(sharpness))


def solve(
    counted: Statistics,
    terms: sparse.csr_array,
    settings: Settings,
    *,
    images: NDArray[np.float32] | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> Solution:
    """Solve min_B α‖X−XB‖² + (1−α)‖T−SB‖² + ‖K^½(I−B)‖² + λ‖B‖² with diag(B) = 0 and keep its strongest entries.

    `terms` (n, t) float32; `images` (n, v) unit norm or zero, None for no pictures; K = `settings.text` · terms termsᵀ
    + `settings.image` · likeness of images. The links are not sharpened yet. Memory: two dense (n, n) float32 and a
    block.
    """
    share = np.float32(settings.behaviour)
    gram = _dense([(counted.together, share), (counted.past, 1 - share)], terms, images, settings)
    gram[np.diag_indices_from(gram)] += np.float32(settings.ridge)
    inverse = _inverse(gram)  # P, in the memory of `gram`
    wanted = _dense([(counted.together, share), (counted.following, 1 - share)], terms, images, settings)  # C
    # the constraint of a zero diagonal, for the whole mixture: without it the kernel would teach the identity
    diagonal = np.einsum("ij,ji->i", inverse, wanted) / np.diagonal(inverse)
    discover, repeated = _Kept(len(gram)), _Kept(len(gram)) if again else None
    following: NDArray[np.float32] | None = counted.following.toarray() if again else None
    for start in range(0, len(gram), _ROWS_AT_ONCE):
        part = inverse[start : start + _ROWS_AT_ONCE]  # (b, n)
        block = part @ wanted
        block -= part * diagonal
        discover.add(block)
        if repeated is not None and following is not None:
            repeated.add(part @ following)
        if progress is not None:
            progress(min(start + _ROWS_AT_ONCE, len(gram)), len(gram))
    return Solution(discover.lists(), repeated.lists() if repeated is not None else None)


def _dense(
    parts: list[tuple[sparse.csr_array, np.float32]],
    terms: sparse.csr_array,
    images: NDArray[np.float32] | None,
    settings: Settings,
) -> NDArray[np.float32]:
    """The weighted sum of sparse (n, n) matrices and the kernels, dense."""
    count = len(terms.indptr) - 1
    total = np.zeros((count, count), dtype=np.float32)
    transposed = sparse.csr_array(terms.T)
    for start in range(0, count, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, count)
        for matrix, share in parts:
            rows: Any = matrix[start:stop]
            total[start:stop] += rows.toarray() * share
        if settings.text:
            total[start:stop] += (terms[start:stop] @ transposed).toarray() * np.float32(settings.text)
        if settings.image and images is not None and images.shape[1]:
            total[start:stop] += pictures.likeness(images[start:stop], images) * np.float32(settings.image)
    return total


def _inverse(gram: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of a symmetric positive definite matrix, in its own memory."""
    column_major = gram.T  # the same matrix, as LAPACK wants it
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (column_major,))
    factor, failed = factorise(column_major, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = invert(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError(f"The Gram matrix is not positive definite ({failed}).")
    inverse = factor.T  # its upper half is filled
    for start in range(0, len(inverse), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(inverse))
        inverse[start:stop, :start] = inverse[:start, start:stop].T
        block = inverse[start:stop, start:stop]
        lower = np.tril_indices(stop - start, -1)
        block[lower] = block.T[lower]
    return inverse


class _Kept:
    """The strongest entries of rows that come in blocks."""

    def __init__(self, count: int) -> None:
        self._most = min(KEPT, count)
        self._rows: list[NDArray[np.int32]] = []
        self._scores: list[NDArray[np.float32]] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """Rows (b, n)."""
        top = np.argpartition(-block, self._most - 1, axis=1)[:, : self._most]
        scores = np.take_along_axis(block, top, axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")
        self._rows.append(np.take_along_axis(top, order, axis=1).astype(np.int32))
        self._scores.append(np.take_along_axis(scores, order, axis=1))

    def lists(self) -> Lists:
        """All rows; what does not speak for a product is left out."""
        rows, scores = np.concatenate(self._rows), np.concatenate(self._scores)  # (n, most)
        kept = scores > 0
        starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        return Lists(starts, rows[kept], scores[kept])
