"""Item-based neighbours by the cosine of co-occurrence (Sarwar et al., WWW 2001), asked with a fading past."""

import numpy as np
from scipy import sparse

from benchmarks.quality.peers.matrices import DECAYS, Linear, best_of, incidence
from benchmarks.quality.splits import Split
from server.events.histories import Histories
from server.learning.evaluation import Scorer

_NAME = "item-kNN"


def fit(split: Split, seed: int) -> list[Scorer]:
    """Nothing is left to chance: `seed` is not used. How fast the past fades is chosen on validation."""
    del seed
    count = len(split.products)
    trained = cosines(split.train, count)
    decay = best_of(DECAYS, lambda decay: Linear(_NAME, trained, count, decay), split)
    whole = trained if split.whole is split.train else cosines(split.whole, count)
    return [Linear(_NAME, whole, count, decay)]


def cosines(histories: Histories, count: int) -> sparse.csr_array:
    """Shoppers in common / root of the product of both numbers of shoppers, (n, n) float32, 0 on the diagonal."""
    matrix = incidence(histories, count)
    norms = np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)), 1))
    unit = sparse.csr_array(matrix @ sparse.diags_array(1 / norms)).astype(np.float32)
    alike = sparse.csr_array(unit.T @ unit)
    alike.setdiag(0)
    return alike
