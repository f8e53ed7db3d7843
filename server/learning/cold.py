"""Cold items: products that came after the training get a place in it at once, by what they are like.

A new product answers as its nearest taught neighbours answer (its row), and is answered where they are (its column):
averages over neighbours, which ranked new products best of all ways tried (see docs/learning.md). Exposure is zero-sum:
what new products get, others lose, so how much a column counts is set by the share of places that they shall have.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.serving.pairs import Lists

NEIGHBOURS = 10
_DIALS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # factors on the columns of new products that are tried
_LIST = 10
_ROWS_AT_ONCE = 2_048


class Places(NamedTuple):
    """How today's products follow from the taught ones: (n, taught) sparse float32, rows sum to 1 or are empty.

    `new` (n,) bool: which products have no row of their own.
    """

    matrix: Any
    new: NDArray[np.bool_]


def places(taught_rows: NDArray[np.int32], taught_count: int, alike: Lists) -> Places:
    """`taught_rows` (n,): each product's row in the training, -1 for new ones; `alike`: lists of today's products."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, taught in enumerate(taught_rows.tolist()):
        if taught >= 0:
            rows.append(row)
            columns.append(taught)
            values.append(1.0)
            continue
        part = slice(alike.starts[row], alike.starts[row + 1])
        near, scores = taught_rows[alike.rows[part]], alike.scores[part]
        near, scores = near[near >= 0][:NEIGHBOURS], scores[near >= 0][:NEIGHBOURS]
        rows.extend([row] * len(near))
        columns.extend(near.tolist())
        values.extend((scores / max(float(scores.sum()), 1e-9)).tolist())
    shape = (len(taught_rows), taught_count)
    return Places(sparse.csr_array((np.array(values, dtype=np.float32), (rows, columns)), shape=shape), taught_rows < 0)


def carried_over(lists: Lists, to: Places, dial: float, most: int) -> Lists:
    """The taught lists for today's products; the columns of new ones count `dial` times."""
    count = to.matrix.shape[1]
    taught = sparse.csr_array((lists.scores, lists.rows, lists.starts), shape=(count, count))
    shown: Any = sparse.csr_array(to.matrix.multiply(np.where(to.new, dial, 1.0)[:, None]).T, dtype=np.float32)
    rows: list[NDArray[np.int32]] = []
    scores: list[NDArray[np.float32]] = []
    lengths: list[int] = []
    for start in range(0, len(to.new), _ROWS_AT_ONCE):
        block: Any = sparse.csr_array(to.matrix[start : start + _ROWS_AT_ONCE] @ taught @ shown)
        for at in range(block.shape[0]):
            part = slice(block.indptr[at], block.indptr[at + 1])
            others, found = block.indices[part], block.data[part]
            kept = (others != start + at) & (found > 0)
            others, found = others[kept], found[kept]
            if len(found) > most:
                top = np.argpartition(found, len(found) - most)[-most:]
                others, found = others[top], found[top]
            order = np.argsort(-found, kind="stable")
            rows.append(others[order].astype(np.int32))
            scores.append(found[order].astype(np.float32))
            lengths.append(len(order))
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if not rows:
        return Lists(starts, np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    return Lists(starts, np.concatenate(rows), np.concatenate(scores))


def dial_for(lists: Lists, to: Places, share: float | None, most: int) -> float:
    """The factor with which new products get nearest to `share` of the first places (None: what is fair, their share
    of the catalog), counted over the first ten of every product's list.
    """
    wanted = float(to.new.mean()) if share is None else share
    if not to.new.any() or wanted <= 0:
        return 0.0 if wanted <= 0 else 1.0
    found = {dial: _share(carried_over(lists, to, dial, most), to.new) for dial in _DIALS}
    return min(found, key=lambda dial: abs(found[dial] - wanted))


def _share(lists: Lists, new: NDArray[np.bool_]) -> float:
    lengths = np.diff(lists.starts)
    place = np.arange(len(lists.rows)) - np.repeat(lists.starts[:-1], lengths)
    first = lists.rows[place < _LIST]
    return float(new[first].mean()) if len(first) else 0.0
