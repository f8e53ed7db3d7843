"""How popular each product is: recent events count more.

Age is counted from the shop's own newest event, so that a shop whose history ended long ago still has its last
season's favourites.
"""

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories

HALF_LIFE_DAYS = 10.0  # the gift shop's next baskets are predicted best by the last one to four weeks
_DAY_MS = 24 * 3600 * 1000


def popularity(histories: Histories, count: int) -> NDArray[np.float32]:
    """Popularity of the `count` products, (count,) float32 in 0..1; all 0 without events.

    One shopper counts once per product and day, however many lines an order has.
    """
    if not len(histories):
        return np.zeros(count, dtype=np.float32)
    days = np.maximum(histories.as_of_ms - histories.times_ms, 0) // _DAY_MS  # (n,) int64, ages
    once = _strongest_of_a_day(histories, days)
    faded = histories.weights[once] * np.exp2(-days[once] / HALF_LIFE_DAYS)
    sums = np.bincount(histories.rows[once], weights=faded, minlength=count)
    return (sums / sums.max()).astype(np.float32)


def _strongest_of_a_day(histories: Histories, days: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions of the events that count: per shopper, product and day the one that weighs most."""
    order = np.lexsort((-histories.weights, days, histories.rows, histories.shoppers))
    shoppers, rows, ages = histories.shoppers[order], histories.rows[order], days[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(shoppers) != 0) | (np.diff(rows) != 0) | (np.diff(ages) != 0)
    return order[first]
