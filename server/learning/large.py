"""The linear model of a catalog of any size: solved for its head, carried over to its tail.

A dense solution takes n² memory and n³ time. So the products with most events, the head, are solved among themselves.
For every pair with a product of the tail, the same equations are solved by one step of Jacobi's method, and their ridge
pulls each product of the tail towards the average of the head's products whose texts are alike instead of towards zero:
what has no events at all answers as its likes do, and with each event more as its own shoppers did.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.events.histories import Histories
from server.learning import kernel, linear
from server.learning.linear import KEPT, Choices, Progress, Settings, Solution
from server.learning.shortlists import Shortlists
from server.serving.pairs import Lists

DENSE_UP_TO = 15_000  # products: two matrices of 0.9 GB, and four minutes of one core
HEAD = 12_000  # products solved in a larger catalog: 1.2 GB and two minutes, whatever its size
NEIGHBOURS = 10  # of the head, for each product of the tail; as for new products, see `cold`
_STRONGEST = 50  # entries of a head product's row that are carried over to columns of the tail
_SHOWN = 20  # products of the tail that one of the head stands for in a row: those that are most like it
_MOST_ENTRIES = 64_000_000  # of all rows: half a gigabyte
_ROWS_AT_ONCE = 2_048


def solve(
    histories: Histories,
    terms: sparse.csr_array,
    settings: Settings,
    *,
    again: bool = False,
    progress: Progress | None = None,
) -> Solution:
    """The linear model of the products whose texts have these `terms` (n, t); dense where the catalog allows.

    Memory for a large one: two dense matrices of the head, the choices, and about 1.5 GB for a million products.
    """
    count = len(terms.indptr) - 1
    if count <= DENSE_UP_TO:
        counted = linear.statistics(histories, count, settings.fading_taught)
        return linear.solve(counted, terms, settings, again=again, progress=progress)
    made = linear.choices(histories, count, settings.fading_taught)
    head = np.sort(np.argsort(-np.bincount(histories.rows, minlength=count), kind="stable")[:HEAD])
    of_head: Any = terms[head]
    among = linear.counted(Choices(*(_columns(matrix, head) for matrix in made)))
    solved = linear.solve(among, of_head, settings, again=again, progress=progress)
    del among
    places = _places(made, head, terms, settings)
    direct = _Direct(made, places, settings)
    discover = _carried(solved.discover, places, direct.blocks(discover=True), own=False)
    if solved.again is None:
        return Solution(discover, None)
    return Solution(discover, _carried(solved.again, places, direct.blocks(discover=False), own=True))


def _columns(matrix: sparse.csr_array, chosen: NDArray[np.intp]) -> sparse.csr_array:
    columns: Any = matrix[:, chosen]
    return sparse.csr_array(columns)


class _Places(NamedTuple):
    """How products follow from the head's. `taken` (n, h): a product of the head from itself, one of the tail from its
    likes, as far as its own events do not say; `weight` (n,): the diagonal of the Gram matrix; `in_head` (n,) bool.
    """

    head: NDArray[np.intp]
    in_head: NDArray[np.bool_]
    taken: Any
    weight: NDArray[np.float32]


def _places(made: Choices, head: NDArray[np.intp], terms: sparse.csr_array, settings: Settings) -> _Places:
    count = len(terms.indptr) - 1
    in_head = np.zeros(count, dtype=np.bool_)
    in_head[head] = True
    tail = np.flatnonzero(~in_head)
    parts: tuple[Any, Any] = terms[tail], terms[head]
    alike = kernel.nearest(*parts, NEIGHBOURS)
    own = settings.behaviour * _squares(made.chosen) + (1 - settings.behaviour) * _squares(made.pasts)  # (n,)
    weight = own + settings.text * _squares(sparse.csr_array(terms.T)) + settings.ridge
    lengths = np.diff(alike.starts)
    sums = np.add.reduceat(np.append(alike.scores, 0), np.minimum(alike.starts[:-1], len(alike.scores)))
    shares = alike.scores / np.repeat(sums, lengths) * np.repeat((settings.ridge / weight)[tail], lengths)
    rows = np.concatenate([head, np.repeat(tail, lengths)])
    columns = np.concatenate([np.arange(len(head)), alike.rows])
    values = np.concatenate([np.ones(len(head)), shares]).astype(np.float32)
    taken = sparse.csr_array((values, (rows, columns)), shape=(count, len(head)))
    return _Places(head, in_head, taken, weight.astype(np.float32))


def _squares(matrix: Any) -> NDArray[np.float64]:
    """The sum of squares of each column."""
    return np.bincount(matrix.indices, np.square(matrix.data), matrix.shape[1]).astype(np.float64)


class _Direct:
    """What shoppers did with a pair of products of which one at least is of the tail: D⁻¹C, by blocks of rows."""

    def __init__(self, made: Choices, places: _Places, settings: Settings) -> None:
        self._places, self._share = places, np.float32(settings.behaviour)
        self._chosen_by, self._past_of = sparse.csr_array(made.chosen.T), sparse.csr_array(made.pasts.T)
        self._wanted = made.chosen, made.nexts
        self._wanted_of_tail = _without(made.chosen, places.in_head), _without(made.nexts, places.in_head)

    def blocks(self, *, discover: bool) -> Iterator[tuple[NDArray[np.intp], Any]]:
        """Numbers of rows and the rows, (b, n) sparse; with `discover` what is chosen together too, not only next."""
        in_head, weight = self._places.in_head, self._places.weight
        for start in range(0, len(in_head), _ROWS_AT_ONCE):
            block = np.arange(start, min(start + _ROWS_AT_ONCE, len(in_head)))
            parts: list[Any] = []
            for rows, (chosen, nexts) in (
                (block[in_head[block]], self._wanted_of_tail),
                (block[~in_head[block]], self._wanted),
            ):
                part = self._past_of[rows] @ nexts
                if discover:
                    part = self._chosen_by[rows] @ chosen * self._share + part * (1 - self._share)
                scale: Any = sparse.diags_array(1 / weight[rows])
                parts.append(scale @ part)
            order = np.argsort(np.argsort(~in_head[block], kind="stable"), kind="stable")
            stacked: Any = sparse.vstack(parts, format="csr")
            yield block, stacked[order]


def _without(matrix: sparse.csr_array, left_out: NDArray[np.bool_]) -> sparse.csr_array:
    """The same matrix with some of its columns empty."""
    kept = ~left_out[matrix.indices]
    starts = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], starts), shape=matrix.shape)


def _carried(solved: Lists, places: _Places, direct: Iterator[tuple[NDArray[np.intp], Any]], *, own: bool) -> Lists:
    """The head's rows and columns, carried over to all products and joined with what is known directly."""
    count = len(places.in_head)
    told = _told(solved, places)
    found = Shortlists(min(KEPT, max(_MOST_ENTRIES // count, 1)))
    for rows, block in direct:
        found.add(sparse.csr_array(places.taken[rows] @ told + block), None if own else int(rows[0]))
    return found.lists()


def _told(solved: Lists, places: _Places) -> sparse.csr_array:
    """What each product of the head says of the whole catalog, (h, n)."""
    size, count = len(places.head), len(places.in_head)
    entries = np.arange(len(solved.rows)) - np.repeat(solved.starts[:-1], np.diff(solved.starts))
    whole = sparse.csr_array((solved.scores, solved.rows, solved.starts), shape=(size, size))
    strongest = whole.copy()
    strongest.data[entries >= _STRONGEST] = 0
    strongest.eliminate_zeros()
    to_head = sparse.csr_array((np.ones(size, dtype=np.float32), (np.arange(size), places.head)), shape=(size, count))
    shown = Shortlists(_SHOWN)
    shown.add(sparse.csr_array(_without(sparse.csr_array(places.taken.T), places.in_head)))
    tail = shown.lists()
    to_tail = sparse.csr_array((tail.scores, tail.rows, tail.starts), shape=(size, count))
    return sparse.csr_array(whole @ to_head + strongest @ to_tail)
