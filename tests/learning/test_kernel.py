"""Likeness of words: the same as all cosines at once, and nothing for texts that share nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.learning import kernel

WORDS = st.sampled_from(["red", "blue", "tea", "pot", "cup", "large", "no", "7", "größe", "茶", ""])
TEXTS = st.lists(st.lists(WORDS, max_size=5).map(" ".join), min_size=1, max_size=12)


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.integers(1, 12))
def test_neighbours_are_the_largest_cosines(texts: list[str], most: int) -> None:
    terms = kernel.term_weights(texts)
    lists = kernel.neighbours(terms, most)
    cosines = terms.toarray() @ terms.toarray().T  # (n, n)
    np.fill_diagonal(cosines, 0)
    for row, likeness in enumerate(cosines):
        part = slice(lists.starts[row], lists.starts[row + 1])
        best = np.sort(likeness[likeness > 0.021])[::-1][:most]
        assert lists.scores[part][: len(best)] == pytest.approx(best, abs=1e-5)
        assert lists.scores[part] == pytest.approx(likeness[lists.rows[part]], abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_texts_are_unit_vectors_or_say_nothing(texts: list[str]) -> None:
    lengths = np.linalg.norm(kernel.term_weights(texts).toarray(), axis=1)
    assert np.logical_or(lengths < 1e-6, np.abs(lengths - 1) < 1e-5).all()


@pytest.mark.parametrize("texts", [[], [""], ["one"], ["one", "two"], ["", "", ""]])
def test_texts_without_a_word_in_common_have_no_neighbours(texts: list[str]) -> None:
    lists = kernel.neighbours(kernel.term_weights(texts), 5)
    assert (lists.starts.tolist(), len(lists.rows)) == ([0] * (len(texts) + 1), 0)


def test_rare_words_say_more_than_common_ones() -> None:
    texts = [f"shirt linen {n}" for n in range(20)] + ["shirt velvet", "coat velvet"]
    lists = kernel.neighbours(kernel.term_weights(texts), 3)
    assert lists.rows[lists.starts[20]] == 21
