"""Events and pasts as sparse matrices over n products, as linear peers want them, and the choice of what fits best."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.quality.splits import Split
from server.events.histories import Histories
from server.learning.cases import Cases
from server.learning.evaluation import Scorer, evaluate

# Moments after which an event counts 1/e, from a session's memory to the whole profile; tried on validation.
DECAYS = (1.5, 2.5, 4.0, math.inf)
_MOST_CASES = 3000  # of validation: the error of NDCG@10 is under .005 then
T = TypeVar("T")


def incidence(histories: Histories, count: int) -> sparse.csr_array:
    """Who had to do with what, (shoppers, n) float32 of ones."""
    shoppers = int(histories.shoppers.max(initial=-1)) + 1
    ones = np.ones(len(histories), dtype=np.float32)
    matrix = sparse.csr_array((ones, (histories.shoppers, histories.rows)), shape=(shoppers, count))
    matrix.data[:] = 1  # where an event came twice
    return matrix


def queries(cases: Cases, count: int, decay: float) -> sparse.csr_array:
    """What each case's shopper is asked about, (c, n) float32: events fade with the moments that came after."""
    lengths = [len(past) for past in cases.pasts]
    rows = np.concatenate([np.empty(0, dtype=np.int32), *(past.rows for past in cases.pasts)])
    moments = np.concatenate([np.empty(0, dtype=np.int32), *(past.moments for past in cases.pasts)])
    faded = np.exp(-moments / decay).astype(np.float32)
    return sparse.csr_array((faded, (np.repeat(np.arange(len(cases)), lengths), rows)), shape=(len(cases), count))


class Linear:
    """Scores that are a product of decayed queries with a matrix of products to products, (n, n) sparse or dense."""

    def __init__(self, name: str, matrix: sparse.csr_array | NDArray[np.float32], count: int, decay: float) -> None:
        self.name, self._matrix, self._count, self._decay = name, matrix, count, decay

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n), 0 where nothing ties a product to the past."""
        return dense(queries(cases, self._count, self._decay) @ self._matrix)


def dense(scores: Any) -> NDArray[np.float32]:
    """Scores (c, n) as the evaluation wants them, whether they came out sparse or not."""
    return (scores.toarray() if sparse.issparse(scores) else np.asarray(scores)).astype(np.float32, copy=False)


def best_of(choices: Sequence[T], made: Callable[[T], Scorer], split: Split) -> T:
    """The choice whose scorer has the best NDCG@10 on validation, the first of equals; no validation, the first."""
    if len(choices) == 1 or not len(split.validation):
        return choices[0]
    generator = np.random.default_rng(0)
    most = min(_MOST_CASES, len(split.validation))
    chosen = np.sort(generator.choice(len(split.validation), most, replace=False))
    cases, masked = split.validation.take(chosen), split.tests[0].mask_known

    def worth(choice: T) -> float:
        return evaluate(made(choice), cases, len(split.products), mask_known=masked).means["ndcg"]

    return max(choices, key=worth)
