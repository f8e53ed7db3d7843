"""How alike the texts of products are, word for word: the text kernel of the linear model.

Word tf-idf catches the brands, lines, shades and sizes that shoppers' choices follow; sentence embeddings blur exactly
those (measured: see docs/learning.md).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from server.learning.shortlists import Shortlists
from server.serving.pairs import Lists

_MOST_TERMS = 200_000  # of a million products; rarer terms tie hardly any two together
_ROWS_AT_ONCE = 512
_PAIRS_AT_ONCE = 20_000_000  # of texts that share a term: about 240 MB at most
_PAIRS_PER_TEXT = 10_000
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
    return _alike(terms, terms, most, apart=True)


def nearest(terms: sparse.csr_array, among: sparse.csr_array, most: int) -> Lists:
    """The `most` texts of `among` (m, t) that are most alike to each of those of `terms` (n, t)."""
    return _alike(terms, among, most, apart=False)


def _alike(terms: sparse.csr_array, among: sparse.csr_array, most: int, *, apart: bool) -> Lists:
    listed: Any = _texts_of_terms(terms, among)
    asking: Any = terms
    work = np.concatenate([[0], np.cumsum(np.diff(listed.indptr)[asking.indices], dtype=np.int64)])[asking.indptr]
    found = Shortlists(most, _LEAST)
    start, count = 0, len(asking.indptr) - 1
    while start < count:
        stop = int(np.searchsorted(work, work[start] + _PAIRS_AT_ONCE, side="right")) - 1
        stop = min(max(stop, start + 1), start + _ROWS_AT_ONCE)
        found.add(sparse.csr_array(asking[start:stop] @ listed), start if apart else None)
        start = stop
    return found.lists()


def _texts_of_terms(terms: Any, among: Any) -> Any:
    """Which texts each term is in, (t, m): all of them, or where that is too much work, those that it says most of.

    Impact-ordered lists, cut (Persin 1994): a word of every tenth text of a million says little of any, and costs most.
    """
    listed: Any = sparse.csr_array(among.T)
    lengths = np.diff(listed.indptr)  # (t,)
    asked = np.bincount(terms.indices, minlength=len(lengths))  # (t,)
    most = _PAIRS_PER_TEXT * terms.shape[0]
    if lengths @ asked <= most:
        return listed
    longest = int(lengths.max())
    while longest > 1 and np.minimum(lengths, longest) @ asked > most:
        longest = longest * 9 // 10
    term_of = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-listed.data, term_of))
    place = np.arange(len(order)) - np.repeat(listed.indptr[:-1], lengths)
    kept = order[place < longest]
    return sparse.csr_array((listed.data[kept], (term_of[kept], listed.indices[kept])), shape=listed.shape)
