"""How many shoppers chose each product: ever, and lately. What is popular this week is the best guess in a season."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories
from server.serving.learned import TREND_DAYS

_DAY_MS = 86_400_000
_MOST_HOT = 80  # products that are candidates for everybody


class Trends(NamedTuple):
    """All (n,) by row but `hot` (h,). See `server.serving.learned.Learned`."""

    trends: NDArray[np.float32]
    age_days: NDArray[np.float32]
    hot: NDArray[np.int32]


def trends(histories: Histories, count: int) -> Trends:
    """Trends of `count` products as of the shop's newest event."""
    newest = histories.newest_ms
    counts = [
        _shoppers(histories, count, None),
        *(_shoppers(histories, count, histories.as_of_ms - d * _DAY_MS) for d in TREND_DAYS),
    ]
    first = np.full(count, newest, dtype=np.int64)
    np.minimum.at(first, histories.rows, histories.times_ms)
    week, month = counts[1], counts[2]
    # half of them by the week, half by the month: in a season the one, between seasons the other is right
    ranks = np.minimum(_ranks(week, counts[0]), _ranks(month, counts[0]))
    hot = np.argsort(ranks, kind="stable")[:_MOST_HOT]
    return Trends(
        np.log1p(np.stack(counts)).astype(np.float32),
        ((newest - first) / _DAY_MS).astype(np.float32),
        hot[counts[0][hot] > 0].astype(np.int32),
    )


def _shoppers(histories: Histories, count: int, since_ms: int | None) -> NDArray[np.int64]:
    """How many shoppers chose each product since then, (n,)."""
    chosen = slice(None) if since_ms is None else histories.times_ms > since_ms
    pairs = np.unique(histories.shoppers[chosen].astype(np.int64) * count + histories.rows[chosen])
    return np.bincount(pairs % count, minlength=count)


def _ranks(lately: NDArray[np.int64], ever: NDArray[np.int64]) -> NDArray[np.intp]:
    """0 for the most popular, (n,)."""
    ranks = np.empty(len(ever), dtype=np.intp)
    ranks[np.lexsort((-ever, -lately))] = np.arange(len(ever))
    return ranks
