"""What shoppers chose, and what before it, as sparse matrices: what the linear model is worked out from."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.events.histories import Histories

BASKET_SHOP = 1.5  # mean products of a moment, from which a shop's orders are baskets without an order inside
_MOST_MOMENTS = 20  # of a shopper's past; what came before fades to nothing
_EVENTS_AT_ONCE = 2_000_000  # 100 MB


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


def of_histories(histories: Histories, count: int, fading: float) -> Choices:
    """Who chose what, and what before it; of `count` products. `fading`: see `linear.Settings.fading_taught`."""
    baskets = is_basket_shop(histories)
    order = np.argsort(histories.shoppers, kind="stable")
    shoppers, times = histories.shoppers[order], histories.times_ms[order]
    rows, weights = histories.rows[order], histories.weights[order]
    is_first = np.diff(shoppers, prepend=-1) != 0
    starts = np.flatnonzero(is_first | (np.diff(times, prepend=-1) != 0))  # of moments, (m,)
    moments = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    owners = np.cumsum(is_first)[starts]  # (m,), ascending
    oldest = np.searchsorted(owners, owners)  # the first moment of each one's shopper

    chosen = _matrix(shoppers, rows, weights, count)
    nexts = _matrix(moments, rows, weights, count)
    if baskets:
        chosen = _scaled(sparse.csr_array(sparse.vstack([chosen, nexts], format="csr")), -0.25)
    later = np.flatnonzero(oldest < np.arange(len(starts)))
    pasts = [sparse.csr_array((0, count), dtype=np.float32)]
    firsts = starts[np.maximum(oldest, np.arange(len(starts)) - _MOST_MOMENTS)[later]]  # of events before each
    for part in _in_parts(starts[later] - firsts):
        number, at = _spread(firsts[part], starts[later[part]])
        faded = weights[at] * np.exp((moments[at] - later[part][number] + 1) / fading, dtype=np.float32)
        pasts.append(_matrix(number, rows[at], faded, count, len(later[part])))
    before = sparse.csr_array(sparse.vstack(pasts, format="csr"))
    return Choices(chosen, _scaled(before, -0.5) if baskets else before, sparse.csr_array(nexts[later]))


def _in_parts(sizes: NDArray[np.intp]) -> Iterator[slice]:
    """Neighbouring groups of so many events each, as many at once as fit into memory easily."""
    number = np.cumsum(sizes) // _EVENTS_AT_ONCE
    borders = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    yield from map(slice, borders[:-1].tolist(), borders[1:].tolist())


def _spread(firsts: NDArray[np.intp], lasts: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The positions from each first to before each last, end to end, and whose each is, both (e,)."""
    sizes = lasts - firsts
    number = np.repeat(np.arange(len(sizes)), sizes)
    return number, np.arange(len(number)) + np.repeat(lasts - np.cumsum(sizes), sizes)


def _matrix(
    groups: NDArray[Any], rows: NDArray[np.int32], weights: NDArray[np.float32], count: int, height: int = 0
) -> sparse.csr_array:
    """The largest weight of each product in each group, (groups, count) float32; of at least `height` groups."""
    keys = groups.astype(np.int64) * count + rows
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    groups, rows = np.divmod(keys[order][firsts], count)
    strongest = np.maximum.reduceat(weights[order], firsts) if len(firsts) else weights
    shape = max(height, int(groups.max(initial=-1)) + 1), count
    return sparse.csr_array((strongest, (groups, rows)), shape=shape, dtype=np.float32)


def _scaled(matrix: sparse.csr_array, power: float) -> sparse.csr_array:
    """The matrix itself, its rows times that power of how many products are in them."""
    sizes = np.diff(matrix.indptr)
    scales = np.maximum(sizes, 1).astype(np.float64) ** power
    matrix.data *= np.repeat(scales, sizes).astype(np.float32)
    return matrix
