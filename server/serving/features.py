"""What the reranker knows of each candidate. One place, called for every answer and for every case that teaches it, so
that it is never asked about something it was taught differently.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.candidates import Pool
from server.serving.learned import Learned

FEATURES = (
    "merged",
    "linear",
    "linear_session",
    "linear_whole",
    "linear_z",
    "linear_rank",
    "linear_gap",
    "linear_best",
    "strongest_link",
    "again",
    "again_rank",
    "tower",
    "tower_rank",
    "tower_gap",
    "words_newest",
    "words_any",
    "bought",
    "popularity",
    "last_7_days",
    "last_30_days",
    "last_90_days",
    "trend_7_to_30",
    "trend_30_to_all",
    "age_days",
    "popularity_of_newest",
    "same_category",
    "category_share",
    "same_brand",
    "brand_share",
    "price_ratio",
    "products_seen",
    "moments_seen",
    "days_since_newest",
    "times_chosen",
    "moments_since_chosen",
    "days_since_chosen",
    "due",
)
_DAY_MS = 86_400_000.0
_LONG_AGO = 10_000.0  # moments or days since something that never happened


class _Own(NamedTuple):
    """What the shopper did with each of some candidates before, (k,) float32."""

    times: NDArray[np.float32]
    moments: NDArray[np.float32]
    days: NDArray[np.float32]
    due: NDArray[np.float32]  # days since, in units of the usual pause between two choices of it


def features(learned: Learned, past: Past, pool: Pool, now_ms: int) -> NDArray[np.float32]:
    """The features of the pool's candidates, (k, len(FEATURES)) float32, no NaN."""
    rows, count = pool.rows, len(pool.rows)
    newest = int(pool.seeds[0]) if len(pool.seeds) else -1
    trends = learned.trends[:, rows]  # (4, k)
    mean, deviation = pool.spread
    best = pool.linear[1].max(initial=0.0)
    own = _own(past, rows, now_ms)
    columns = (
        pool.merged,
        pool.linear[1],
        pool.linear[0],
        pool.linear[2],
        (pool.linear[1] - mean) / deviation,
        _ranks(pool.linear[1]),
        best - pool.linear[1],
        best,
        pool.strongest,
        pool.again,
        _ranks(pool.again),
        pool.tower,
        _ranks(pool.tower),
        pool.tower.max(initial=-1.0) - pool.tower,
        *pool.words,
        pool.bought,
        *trends,
        trends[1] - trends[2],
        trends[2] - trends[0],
        learned.age_days[rows],
        learned.trends[0, newest] if newest >= 0 else 0.0,
        *_shares(learned.category, rows, pool),
        *_shares(learned.brand, rows, pool),
        _price_ratio(learned.price, rows, pool.seeds),
        len(pool.seeds),
        past.moments[0] + 1 if len(past) else 0,
        (now_ms - past.times_ms[-1]) / _DAY_MS if len(past) else _LONG_AGO,
        *own,
    )
    matrix = np.empty((count, len(FEATURES)), dtype=np.float32)
    for number, column in enumerate(columns):
        matrix[:, number] = column
    return matrix


def _ranks(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 for the largest, (k,)."""
    ranks = np.empty(len(scores), dtype=np.float32)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores), dtype=np.float32)
    return ranks


def _shares(
    labels: NDArray[np.int32], rows: NDArray[np.int32], pool: Pool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Whether each candidate has the label of the newest product, and the past's faded share of its label."""
    own, seen = labels[rows], labels[pool.seeds]
    if not len(seen):
        return np.zeros(len(rows), dtype=np.float32), np.zeros(len(rows), dtype=np.float32)
    known, places = np.unique(seen, return_inverse=True)
    shares = np.bincount(places, pool.fade[1]) / max(float(pool.fade[1].sum()), 1e-9)
    at = np.minimum(np.searchsorted(known, own), len(known) - 1)
    share = np.where((known[at] == own) & (own >= 0), shares[at], 0.0).astype(np.float32)
    return ((own == seen[0]) & (own >= 0)).astype(np.float32), share


def _price_ratio(prices: NDArray[np.float32], rows: NDArray[np.int32], seeds: NDArray[np.int32]) -> NDArray[np.float32]:
    """The logarithm of each candidate's price over the past's typical one; 0 where one is unknown."""
    seen = prices[seeds]
    seen = seen[seen > 0]  # NaN is not
    if not len(seen):
        return np.zeros(len(rows), dtype=np.float32)
    typical = np.log(seen).mean()
    own = prices[rows]
    known = own > 0
    return np.where(known, np.log(np.where(known, own, 1)) - typical, 0).astype(np.float32)


def _own(past: Past, rows: NDArray[np.int32], now_ms: int) -> _Own:
    times = np.zeros(len(rows), dtype=np.float32)
    moments, days, due = (np.full(len(rows), _LONG_AGO, dtype=np.float32) for _ in range(3))
    chosen, first, places = np.unique(past.rows[::-1], return_index=True, return_inverse=True)  # newest first
    if not len(chosen):
        return _Own(times, moments, days, due)
    at = np.minimum(np.searchsorted(chosen, rows), len(chosen) - 1)
    known = chosen[at] == rows
    at = at[known]
    counts = np.bincount(places)
    oldest = np.empty(len(chosen), dtype=np.int64)
    oldest[places] = past.times_ms[::-1]  # the last to be written is the oldest
    newest = past.times_ms[::-1][first]
    since = (now_ms - newest) / _DAY_MS
    pause = (newest - oldest) / _DAY_MS / np.maximum(counts - 1, 1)
    times[known] = counts[at]
    moments[known] = past.moments[::-1][first][at]
    days[known] = since[at]
    due[known] = np.where(pause[at] > 0, since[at] / np.maximum(pause[at], 1e-3), _LONG_AGO)
    return _Own(times, moments, days, due)
