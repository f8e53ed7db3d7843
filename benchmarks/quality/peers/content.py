"""What this project set out from: the mean of frozen sentence vectors of what the shopper had, nothing learnt."""

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.peers.matrices import queries
from benchmarks.quality.splits import Split
from server.encoders.encoder import load
from server.learning.cases import Cases
from server.learning.evaluation import Scorer
from server.settings import load as load_settings

_ENCODER = "minilm"  # always the same, so that figures compare


class MeanOfVectors:
    """Scores by the cosine with the mean vector of the past."""

    def __init__(self, name: str, vectors: NDArray[np.float32], decay: float) -> None:
        self.name, self._vectors, self._decay = name, vectors, decay

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n); lengths of shopper vectors change no order and are left alone."""
        return (queries(cases, len(self._vectors), self._decay) @ self._vectors) @ self._vectors.T


def fit(split: Split, seed: int) -> list[Scorer]:
    """Encodes the products, which is all there is to do; `seed` is not used."""
    del seed
    vectors = load(_ENCODER, load_settings()).encode_texts(split.products.passages)  # (n, 384), unit norm
    return [MeanOfVectors("mean of content vectors", vectors, math.inf)]
