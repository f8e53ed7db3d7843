"""The linear model of a catalog of any size: solved for its head, taken one step for its tail.

A dense solution takes n² memory and n³ time. So the products with most events, the head, are solved among themselves.
For every pair with a product of the tail the same equations are solved by one step of Jacobi's method: what events,
texts and pictures say of the two alone, over what they and the ridge say of the first. A product without events stands,
by half, where those of the head stand that read or look alike, as new products do (see `cold`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.events.histories import Histories
from server.learning import choices, kernel, linear, pictures
from server.learning.choices import Choices
from server.learning.linear import KEPT, Progress, Settings, Solution
from server.learning.shortlists import Shortlists
from server.serving.pairs import Lists

DENSE_UP_TO = 15_000  # products: one to three matrices of 0.9 GB, and a minute of one core
HEAD = 12_000  # products solved in a larger catalog: 0.6 GB to 1.7 GB and half a minute, whatever its size
_LIKES = 48  # products that one is tied to by each kernel
_AVERAGED = 10  # products of the head that one without events stands beside, as in `cold`
_BELIEVED = 0.5  # of their average: products without events then get their share of places, and known ones lose least
_STRONGEST = 50  # entries of a head product's row that say something of products without events
_SHOWN = 20  # of these that one product of the head stands for: those that are most like it
_MOST_ENTRIES = 64_000_000  # of all rows: half a gigabyte
_ROWS_AT_ONCE = 2_048


def solve(
    histories: Histories,
    terms: sparse.csr_array,
    settings: Settings,
    *,
    images: NDArray[np.float32] | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> Solution:
    """The linear model of the products whose texts have these `terms` (n, t); dense where the catalog allows.

    `images` (n, v): vectors of their pictures, as for `linear.solve`.
    Memory for a large one: up to three dense matrices of the head, what shoppers chose, and about 2 GB for a million
    products.
    """
    solved = _solved(histories, terms, settings, images, again, progress)
    return solved._replace(discover=linear.sharpened(solved.discover, settings.sharpness))


def _solved(
    histories: Histories,
    terms: sparse.csr_array,
    settings: Settings,
    images: NDArray[np.float32] | None,
    again: bool,
    progress: Progress | None,
) -> Solution:
    count = len(terms.indptr) - 1
    if count <= DENSE_UP_TO:
        counted = linear.statistics(histories, count, settings.fading_taught)
        return linear.solve(counted, terms, settings, images=images, again=again, progress=progress)
    made = choices.of_histories(histories, count, settings.fading_taught)
    events = np.bincount(histories.rows, minlength=count)
    head = np.sort(np.argsort(-events, kind="stable")[:HEAD])
    of_head = linear.counted(Choices(*(_taken(matrix.T, head).T for matrix in made)))
    if not settings.image or images is None:
        images = np.zeros((count, 0), dtype=np.float32)
    of_terms, of_images = _taken(terms, head), images[head]
    solved = linear.solve(of_head, of_terms, settings, images=of_images, again=again, progress=progress)
    del of_head, of_terms, of_images
    beside = _beside(events, head, terms, images, settings)
    direct = _Direct(made, terms, images, settings, head)
    discover = _joined(solved.discover, beside, head, direct.blocks(settings.behaviour), own=False)
    if solved.again is None:
        return Solution(discover, None)
    return Solution(discover, _joined(solved.again, beside, head, direct.blocks(None), own=True))


def _taken(matrix: Any, rows: NDArray[np.intp]) -> Any:
    return sparse.csr_array(sparse.csr_array(matrix)[rows])


def _beside(
    events: NDArray[np.intp],
    head: NDArray[np.intp],
    terms: sparse.csr_array,
    images: NDArray[np.float32],
    settings: Settings,
) -> Any:
    """How products without events follow from those of the head, (n, h) sparse; the rows of all others are empty."""
    without = np.setdiff1d(np.flatnonzero(events == 0), head)
    alike = kernel.nearest(_taken(terms, without), _taken(terms, head), _AVERAGED)
    if images.shape[1]:
        looks = pictures.nearest(images[without], images[head], _AVERAGED)
        alike = pictures.joined(alike, looks, settings.text, settings.image, _AVERAGED)
    rows = np.repeat(without, np.diff(alike.starts))
    sums = np.bincount(rows, alike.scores, len(events))
    shares = (_BELIEVED * alike.scores / sums[rows]).astype(np.float32)
    return sparse.csr_array((shares, (rows, alike.rows)), shape=(len(events), len(head)))


class _Direct:
    """What is known of a pair of products of which one at least is of the tail: D⁻¹C, by blocks of rows."""

    def __init__(
        self,
        made: Choices,
        terms: sparse.csr_array,
        images: NDArray[np.float32],
        settings: Settings,
        head: NDArray[np.intp],
    ) -> None:
        count, share = len(terms.indptr) - 1, settings.behaviour
        own = share * _squares(made.chosen) + (1 - share) * _squares(made.pasts) + settings.text * _squares(terms.T)
        if images.shape[1]:
            own += settings.image * np.any(images, axis=1)
        self._diagonal = (own + settings.ridge).astype(np.float32)  # (n,)
        self._in_head = np.zeros(count, dtype=np.bool_)
        self._in_head[head] = True
        self._chosen, self._nexts = made.chosen, made.nexts
        self._chosen_by, self._past_of = _by_rows(made.chosen), _by_rows(made.pasts)
        alike = kernel.neighbours(terms, _LIKES)
        self._likes: Any = sparse.csr_array(
            (alike.scores * np.float32(settings.text), alike.rows, alike.starts), shape=(count, count)
        )
        if images.shape[1]:
            looks = pictures.neighbours(images, _LIKES)
            weighted = (looks.scores * np.float32(settings.image), looks.rows, looks.starts)
            self._likes = sparse.csr_array(self._likes + sparse.csr_array(weighted, shape=(count, count)))

    def blocks(self, behaviour: float | None) -> Iterator[tuple[NDArray[np.intp], Any]]:
        """Numbers of rows, in order, and the rows, (b, n) sparse.

        `behaviour`: the share of what is chosen together; None for what comes next alone, likeness left out too.
        """
        for start in range(0, len(self._diagonal), _ROWS_AT_ONCE):
            rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(self._diagonal)))
            block = self._past_of[rows] @ self._nexts
            if behaviour is not None:
                together = self._chosen_by[rows] @ self._chosen
                block = together * np.float32(behaviour) + block * np.float32(1 - behaviour) + self._likes[rows]
            block = sparse.csr_array(block)
            row_of = np.repeat(rows, np.diff(block.indptr))
            solved = self._in_head[row_of] & self._in_head[block.indices]
            block.data = np.where(solved, np.float32(0), block.data / self._diagonal[row_of])
            yield rows, block


def _by_rows(matrix: sparse.csr_array) -> Any:
    return sparse.csr_array(matrix.T)


def _squares(matrix: Any) -> NDArray[np.float64]:
    """The sum of the squares of each column."""
    return np.asarray(matrix.multiply(matrix).sum(axis=0), dtype=np.float64)


def _joined(
    solved: Lists, beside: Any, head: NDArray[np.intp], direct: Iterator[tuple[NDArray[np.intp], Any]], *, own: bool
) -> Lists:
    """The rows of all products: what is solved, what stands beside it, and what is known directly. `own`: also of each
    product what it says of itself.
    """
    count = beside.shape[0]
    of_head = sparse.csr_array((np.ones(len(head)), (head, np.arange(len(head)))), shape=beside.shape, dtype=np.float32)
    told = _told(solved, beside, of_head)
    places = sparse.csr_array(of_head + beside)
    found = Shortlists(min(KEPT, max(_MOST_ENTRIES // count, 1)))
    for rows, block in direct:
        found.add(sparse.csr_array(_taken(places, rows) @ told + block), None if own else int(rows[0]))
    return found.lists()


def _told(solved: Lists, beside: Any, of_head: Any) -> Any:
    """What each product of the head says of all products, (h, n)."""
    size = beside.shape[1]
    whole = sparse.csr_array((solved.scores, solved.rows, solved.starts), shape=(size, size))
    place = np.arange(len(solved.rows)) - np.repeat(solved.starts[:-1], np.diff(solved.starts))
    strongest = whole.copy()
    strongest.data[place >= _STRONGEST] = 0
    strongest.eliminate_zeros()
    shown = Shortlists(_SHOWN)
    shown.add(_by_rows(beside))
    likes = shown.lists()
    to_likes = sparse.csr_array((likes.scores, likes.rows, likes.starts), shape=beside.shape[::-1])
    return sparse.csr_array(whole @ _by_rows(of_head) + strongest @ to_likes)
