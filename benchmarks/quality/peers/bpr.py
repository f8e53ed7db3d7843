"""Bayesian personalised ranking (Rendle et al., UAI 2009) with matrix factors, by the `implicit` library."""

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.peers.matrices import incidence
from benchmarks.quality.splits import Split
from server.learning.cases import Cases
from server.learning.evaluation import Scorer

_FACTORS = 64  # as in the design's tables; rounds and rates as the library has them


class Factors:
    """The factors of shoppers met in training; anyone else gets the mean of the shoppers."""

    name = "BPR"

    def __init__(self, shoppers: NDArray[np.float32], items: NDArray[np.float32]) -> None:
        self._shoppers, self._items = shoppers, items  # (shoppers, f), (n, f)
        self._anyone = shoppers.mean(axis=0)  # (f,)

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        met = cases.shoppers < len(self._shoppers)
        factors = np.tile(self._anyone, (len(cases), 1))
        factors[met] = self._shoppers[cases.shoppers[met]]
        return factors @ self._items.T


def fit(split: Split, seed: int) -> list[Scorer]:
    """One model of `seed`, on one thread."""
    model = BayesianPersonalizedRanking(factors=_FACTORS, random_state=seed, num_threads=1)
    matrix = incidence(split.whole, len(split.products))
    model.fit(sparse.csr_matrix(matrix), show_progress=False)
    return [Factors(np.asarray(model.user_factors), np.asarray(model.item_factors))]
