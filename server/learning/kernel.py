"""How alike the texts of products are, word for word: the text kernel of the linear model.

Word tf-idf catches the brands, lines, shades and sizes that shoppers' choices follow; sentence embeddings blur exactly
those (measured: see docs/learning.md).
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

_MOST_TERMS = 200_000  # of a million products; rarer terms tie hardly any two together


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
