"""EASE^R (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019), asked with a fading past."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from benchmarks.quality.peers.matrices import DECAYS, Linear, best_of, incidence
from benchmarks.quality.splits import Split
from server.events.histories import Histories
from server.learning.evaluation import Scorer

_NAME = "EASE"
_RIDGES = (30.0, 100.0, 300.0)
_RIDGE = 100.0  # where the solve takes long and only one is tried
_MOST_TO_TRY = 5_000  # products: a solve takes a few seconds there and most of a minute at 12,000


def fit(split: Split, seed: int) -> list[Scorer]:
    """Nothing is left to chance: `seed` is not used. The ridge and how fast the past fades are chosen on validation."""
    del seed
    count = len(split.products)
    ridges = _RIDGES if count <= _MOST_TO_TRY else (_RIDGE,)
    trained = {ridge: weights(split.train, count, ridge) for ridge in ridges}
    choices = [(ridge, decay) for ridge in ridges for decay in DECAYS]
    ridge, decay = best_of(choices, lambda choice: Linear(_NAME, trained[choice[0]], count, choice[1]), split)
    matrix = trained.pop(ridge)
    if split.whole is not split.train:
        trained.clear()
        del matrix
        matrix = weights(split.whole, count, ridge)
    return [Linear(_NAME, matrix, count, decay)]


def weights(histories: Histories, count: int, ridge: float) -> NDArray[np.float32]:
    """How much each product (row) says for each other (column), (n, n) float32, 0 on the diagonal."""
    matrix = incidence(histories, count)
    gram = (matrix.T @ matrix).toarray().astype(np.float32)
    gram[np.diag_indices(count)] += ridge
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (gram,))  # in place: the matrix is the memory
    factor, _ = factorise(gram.T, lower=1, overwrite_a=1)
    inverse, _ = invert(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    found = np.divide(inverse, -np.diag(inverse), out=inverse)  # of each column by its diagonal
    np.fill_diagonal(found, 0)
    return found
