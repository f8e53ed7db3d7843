"""Alternating least squares for implicit feedback (Hu, Koren & Volinsky, ICDM 2008), by the `implicit` library."""

import math

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.peers.matrices import incidence, queries
from benchmarks.quality.splits import Split
from server.learning.cases import Cases
from server.learning.evaluation import Scorer

# As in the design's tables; rounds as the library has them.
_FACTORS, _ALPHA, _ROUNDS, _RIDGE = 128, 10.0, 15, 0.01


class Factors:
    """Solves for the shopper's factors from the past, which knows what came since training, then multiplies."""

    name = "ALS"

    def __init__(self, model: AlternatingLeastSquares) -> None:
        self._model = model

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        items = np.asarray(self._model.item_factors)
        asked = queries(cases, len(items), math.inf)
        asked.data[:] = 1
        shoppers = self._model.recalculate_user(np.arange(len(cases)), sparse.csr_matrix(asked))
        return np.asarray(shoppers @ items.T, dtype=np.float32)


def fit(split: Split, seed: int) -> list[Scorer]:
    """One model of `seed`, on one thread."""
    model = AlternatingLeastSquares(
        factors=_FACTORS, alpha=_ALPHA, iterations=_ROUNDS, regularization=_RIDGE, random_state=seed, num_threads=1
    )
    model.fit(sparse.csr_matrix(incidence(split.whole, len(split.products))), show_progress=False)
    return [Factors(model)]
