"""What the reranker knows of each candidate. One place, called for every answer and for every case that teaches it, so
that it is never asked about something it was taught differently. `native` works it out.
"""

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving.candidates import Pool
from server.serving.learned import Learned
from server.serving.native import ffi, lib, pointer

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
_KNOWN = ffi.typeof("Known *")
_LONG_AGO = 10_000.0  # moments or days since something that never happened


def features(learned: Learned, past: Past, pool: Pool, now_ms: int) -> NDArray[np.float32]:
    """The features of the pool's candidates, (k, len(FEATURES)) float32, no NaN."""
    known = {
        "models": learned.native,
        "rows": pointer(pool.rows),
        "said": pointer(pool.said),
        "tower": pointer(pool.tower),
        "count": len(pool.rows),
        "room": pool.said.shape[1],
        "mean": pool.spread[0],
        "deviation": pool.spread[1],
        "seeds": pointer(pool.seeds),
        "fade": pointer(pool.fade[1]),
        "past_rows": pointer(past.rows),
        "past_moments": pointer(past.moments),
        "past_times_ms": pointer(past.times_ms),
        "seed_count": len(pool.seeds),
        "past_count": len(past),
        "now_ms": now_ms,
        "never": _LONG_AGO,
    }
    by_feature = np.empty((len(FEATURES), len(pool.rows)), dtype=np.float32)
    lib.vitrina_features(ffi.new(_KNOWN, known), pointer(by_feature))
    return by_feature.T
