"""How alike the texts of products are, word for word: the text kernel of the linear model.

Word tf-idf catches the brands, lines, shades and sizes that shoppers' choices follow; sentence embeddings blur exactly
those (measured: see docs/learning.md).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from server.serving.pairs import Lists

_MOST_TERMS = 200_000  # of a million products; rarer terms tie hardly any two together
_ROWS_AT_ONCE = 512
_LEAST = 0.02  # cosine below which two texts share nothing but a common word


def term_weights(texts: Sequence[str]) -> sparse.csr_array:
    """Sublinear tf-idf over words and pairs of words (Manning, Raghavan and Schütze 2008, 6.4): (n, terms) float32.

    Rows have unit norm, or are empty where a text says nothing that another one says too.
    """
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,
        sublinear_tf=True,
        token_pattern=r"(?u)\b\w+\b",  # noqa: S106  words, no password
        max_features=_MOST_TERMS,
    )
    try:
        return sparse.csr_array(vectorizer.fit_transform(texts), dtype=np.float32)
    except ValueError:  # no term is in two texts
        return sparse.csr_array((len(texts), 0), dtype=np.float32)


def neighbours(terms: sparse.csr_array, most: int) -> Lists:
    """The `most` texts that are most alike to each one, by the cosine of their terms (n, t), without itself."""
    transposed = sparse.csr_array(terms.T)
    count = len(terms.indptr) - 1
    lengths = np.zeros(count, dtype=np.int64)
    rows: list[NDArray[np.int32]] = []
    scores: list[NDArray[np.float32]] = []
    for start in range(0, count, _ROWS_AT_ONCE):
        likeness: Any = sparse.csr_array(terms[start : start + _ROWS_AT_ONCE] @ transposed)
        for at, row in enumerate(range(start, min(start + _ROWS_AT_ONCE, count))):
            part = slice(likeness.indptr[at], likeness.indptr[at + 1])
            others, alike = likeness.indices[part], likeness.data[part]
            kept = (others != row) & (alike > _LEAST)
            others, alike = others[kept], alike[kept]
            if len(alike) > most:
                top = np.argpartition(alike, len(alike) - most)[-most:]
                others, alike = others[top], alike[top]
            order = np.argsort(-alike, kind="stable")
            rows.append(others[order].astype(np.int32))
            scores.append(alike[order].astype(np.float32))
            lengths[row] = len(order)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    if not rows:
        return Lists(starts, np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    return Lists(starts, np.concatenate(rows), np.concatenate(scores))
