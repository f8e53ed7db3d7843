"""The trained model's own list for a shopper: the first stage's candidates in the reranker's order."""

import time

import numpy as np
from numpy.typing import NDArray

from server.serving import candidates, evidence
from server.serving.candidates import Pool
from server.serving.features import features
from server.serving.learned import Learned
from server.serving.placements import pool_size
from server.serving.sources.asked import Asked, Candidates

_LEAST = 0.05  # the score of the last one shown; fallbacks are below


def by_both_stages(asked: Asked) -> Candidates | None:
    """The best of the shopper's candidates, scores 1 and below by rank value, each with what brought it."""
    learned = asked.live.snapshot.learned
    if learned is None or not len(asked.past):
        return None
    most = 2 * pool_size(asked.limit)  # filters and variety take some away
    left_out = np.array(asked.left_out, dtype=np.int32)
    pool = candidates.gather(learned, asked.past, left_out, again=asked.again, most=max(most, candidates.POOL))
    if not len(pool.rows):
        return None
    scores = _scores(learned, asked, pool)
    best = np.argsort(-scores, kind="stable")[:most]
    rows, kept = pool.rows[best], scores[best]
    spread = max(float(kept[0] - kept[-1]), 1e-9)
    shown = _LEAST + (1 - _LEAST) * (kept - kept[-1]) / spread
    explain = evidence.Ranked(learned, asked, pool, rows, kept).voices
    return Candidates(rows, shown.astype(np.float32), "ranked", explain=explain)


def _scores(learned: Learned, asked: Asked, pool: Pool) -> NDArray[np.float32]:
    """The reranker's score of each candidate; the first stage's own where the shop has no reranker."""
    trees = learned.rankers.get(asked.again)
    if trees is None:
        return pool.again if asked.again and learned.again is not None else pool.linear[1]  # the one that was judged
    return trees.score(features(learned, asked.past, pool, time.time_ns() // 1_000_000))
