"""Likeness of texts alone, word by word, to a fading past."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.quality.peers.matrices import DECAYS, best_of, dense, queries
from benchmarks.quality.splits import Split
from server.learning.cases import Cases
from server.learning.evaluation import Scorer


class LikeTexts:
    """Scores by the sum of cosines with the products of the past; `terms` (n, words), unit rows."""

    name = "tf-idf"

    def __init__(self, terms: sparse.csr_array, count: int, decay: float) -> None:
        self._terms, self._count, self._decay = terms, count, decay

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        asked = queries(cases, self._count, self._decay) @ self._terms  # (c, words)
        return dense(asked @ self._terms.T)


def fit(split: Split, seed: int) -> list[Scorer]:
    """Nothing is left to chance: `seed` is not used. How fast the past fades is chosen on validation."""
    del seed
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, stop_words="english")
    try:
        terms = sparse.csr_array(vectorizer.fit_transform(split.products.passages))
    except ValueError:  # no word is in two texts
        terms = sparse.csr_array((len(split.products), 1))
    count = len(split.products)
    return [LikeTexts(terms, count, best_of(DECAYS, lambda decay: LikeTexts(terms, count, decay), split))]
