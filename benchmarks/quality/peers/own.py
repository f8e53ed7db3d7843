"""What the shopper had before, most often and most lately first: hard to beat where people buy again."""

import numpy as np
from scipy import sparse

from benchmarks.quality.peers.matrices import DECAYS, Linear, best_of
from benchmarks.quality.splits import Split
from server.learning.evaluation import Scorer


def fit(split: Split, seed: int) -> list[Scorer]:
    """Worth something only where known products are not left out; elsewhere there is nothing to fit."""
    del seed
    if all(test.mask_known for test in split.tests):
        return []
    count = len(split.products)
    itself = sparse.csr_array((np.ones(count, dtype=np.float32), (np.arange(count),) * 2), shape=(count, count))
    decay = best_of(DECAYS, lambda decay: Linear("own purchases", itself, count, decay), split)
    return [Linear("own purchases", itself, count, decay)]
