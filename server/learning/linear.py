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

from server.events.histories import Histories
from server.learning import choices, cholesky, pictures
from server.learning.choices import Choices
from server.serving.pairs import Lists

Progress = Callable[[int, int], None]

KEPT = 200  # entries per row of the solution; more change no list (measured on Beauty: 200 and 500 give the same)
_ROWS_AT_ONCE = 1024
_SPARSE_UP_TO = 1 / 16  # of the entries; above, a dense product takes less time


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


def statistics(histories: Histories, count: int, fading: float) -> Statistics:
    """Count once what all settings share; `count`: number of products."""
    return counted(choices.of_histories(histories, count, fading))


def counted(made: Choices) -> Statistics:
    """What the choices say of each pair of products."""
    return Statistics(
        sparse.csr_array(made.chosen.T @ made.chosen),
        sparse.csr_array(made.pasts.T @ made.pasts),
        sparse.csr_array(made.pasts.T @ made.nexts),
    )


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
    + `settings.image` · likeness of images. The links are not sharpened yet. Memory: a dense (n, n) float32 and some
    blocks; one or two more where more than 1 in 16 pairs of products were chosen one after the other.
    """
    share, ridge = np.float32(settings.behaviour), np.float32(settings.ridge)
    gram = _dense([(counted.together, share), (counted.past, 1 - share)], terms, images, settings)
    gram[np.diag_indices_from(gram)] += ridge
    cholesky.invert(gram)
    inverse = gram  # P, in the same memory
    # What is wanted is C = gram − λI + D, so PC = I − λP + PD: no product of two dense matrices is needed
    onward: Any = sparse.csr_array((counted.following - counted.past) * (1 - share))  # D
    own = 1 - ridge * np.diagonal(inverse) + onward.T.multiply(inverse).sum(axis=1)  # the diagonal of PC, (n,)
    # the constraint of a zero diagonal, for the whole mixture: without it the kernel would teach the identity
    less = ridge + own / np.diagonal(inverse)
    discover, repeated = _Kept(len(gram)), _Kept(len(gram)) if again else None
    onward = _to_multiply(onward)
    following: Any = _to_multiply(counted.following) if again else None
    for start in range(0, len(gram), _ROWS_AT_ONCE):
        part = inverse[start : start + _ROWS_AT_ONCE]  # (b, n)
        discover.add(part @ onward - part * less)
        if repeated is not None:
            repeated.add(part @ following)
        if progress is not None:
            progress(min(start + _ROWS_AT_ONCE, len(gram)), len(gram))
    return Solution(discover.lists(), repeated.lists() if repeated is not None else None)


def _to_multiply(matrix: Any) -> Any:
    """The matrix in the form by which it is multiplied faster: dense where many of its entries are not 0."""
    rows, columns = matrix.shape
    return matrix.toarray() if matrix.nnz > rows * columns * _SPARSE_UP_TO else matrix


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
