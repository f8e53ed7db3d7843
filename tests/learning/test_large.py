"""The linear model of a large catalog: the dense one where that fits, and close to it where only the head is solved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.events.histories import Histories
from server.learning import kernel, large, linear
from server.learning.linear import Settings, Solution
from server.learning.tuning import matrix_of
from tests.learning.shoppers import Did, habitual, histories, shops, texts


def solved(past: Histories, names: list[str], head: int, *, again: bool = False) -> Solution:
    """As if a catalog of this size was too large to be solved as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "DENSE_UP_TO", 0)
        patch.setattr(large, "HEAD", head)
        return large.solve(past, kernel.term_weights(names), Settings(), again=again)


def row_of(solution: Solution, count: int, row: int) -> np.ndarray:
    return matrix_of(solution.discover, count)[[row]].toarray()[0]


@settings(deadline=None, max_examples=40)
@given(shops(), st.booleans())
def test_catalog_that_is_all_head_is_solved_as_a_small_one(shop: tuple[Histories, int], again: bool) -> None:
    past, count = shop
    terms = kernel.term_weights(texts(count))
    dense = linear.solve(linear.statistics(past, count, Settings().fading_taught), terms, Settings(), again=again)
    for found, wanted in zip(solved(past, texts(count), count, again=again), dense, strict=True):
        assert (found is None) == (wanted is None)
        if found is not None and wanted is not None:
            difference = matrix_of(found, count) - matrix_of(wanted, count)
            assert np.abs(difference.toarray()).max() < 1e-4


@settings(deadline=None, max_examples=40)
@given(shops(), st.integers(1, 11))
def test_any_head_gives_lists_of_other_products_best_first(shop: tuple[Histories, int], head: int) -> None:
    past, count = shop
    lists = solved(past, texts(count), min(head, count)).discover
    assert len(lists.starts) == count + 1
    assert np.isfinite(lists.scores).all()
    for row in range(count):
        part = slice(lists.starts[row], lists.starts[row + 1])
        assert row not in lists.rows[part]
        assert len(np.unique(lists.rows[part])) == len(lists.rows[part])
        assert (np.diff(lists.scores[part]) <= 0).all()


@settings(deadline=None, max_examples=20)
@given(shops(), st.booleans())
def test_sharper_links_are_powers_of_the_others(shop: tuple[Histories, int], is_large: bool) -> None:
    past, count = shop
    terms = kernel.term_weights(texts(count))
    with pytest.MonkeyPatch.context() as patch:
        if is_large:
            patch.setattr(large, "DENSE_UP_TO", 0)
        plain, sharp = (large.solve(past, terms, Settings(sharpness=power)).discover for power in (1.0, 2.0))
    assert sharp.rows.tolist() == plain.rows.tolist()
    assert sharp.scores == pytest.approx(plain.scores**2)


def test_product_without_events_stands_where_its_like_stands() -> None:
    past, names = habitual(count=40), [f"no {row} kind {row % 4}" for row in range(40)]
    new, like = 40, 12
    names.append(f"no {like} kind {like % 4}")  # nobody ever met it; its text is that of one product
    solution = solved(past, names, head=40)
    like_row, new_row = (row_of(solution, 41, row) for row in (like, new))
    following = np.argsort(-like_row[:40])[:3]
    assert new_row[following].min() > np.quantile(new_row[:40], 0.5)
    matrix = matrix_of(solution.discover, 41).toarray()
    leading_to = np.argsort(-matrix[:40, like])[:3]
    assert (matrix[leading_to, new] > 0).all()


def test_own_events_of_the_tail_say_more_than_its_likes() -> None:
    events = [Did(shopper, day, row) for shopper in range(60) for day, row in enumerate((0, 1))]
    events += [Did(100 + shopper, day, row) for shopper in range(20) for day, row in enumerate((2, 3))]
    names = ["red tea pot", "red tea cup", "red tea pot", "iron nail"]
    row = row_of(solved(histories(events), names, head=2), 4, 2)
    assert np.argmax(row) == 3  # not 1, which follows its like


def test_entries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "_MOST_ENTRIES", 200)
    assert np.diff(solved(habitual(count=40), texts(40), head=20).discover.starts).max() <= 5


def test_much_work_on_common_words_is_saved_and_the_likest_texts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    names = [f"set of {random.integers(3)} {random.choice(['red', 'blue'])} no {row // 3}" for row in range(900)]
    terms = kernel.term_weights(names)
    exact = kernel.neighbours(terms, 2)
    monkeypatch.setattr(kernel, "_PAIRS_PER_TEXT", 40)
    found = kernel.neighbours(terms, 2)
    shared = [
        np.isin(exact.rows[a:b], found.rows[c:d]).mean()
        for a, b, c, d in zip(exact.starts, exact.starts[1:], found.starts, found.starts[1:], strict=False)
    ]
    assert np.mean(shared) > 0.9
