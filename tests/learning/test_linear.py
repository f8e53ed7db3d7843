"""The linear model: its short way gives what the stated problem, solved column by column, gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from server.events.histories import Histories
from server.learning import choices, kernel, linear
from server.learning.cases import by_shopper
from server.learning.linear import Settings
from server.serving.pairs import Lists
from tests.learning.shoppers import Did, habitual, histories, shops, texts

SETTINGS = st.builds(
    Settings,
    behaviour=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    text=st.sampled_from([0.0, 1.0, 6.0]),
    ridge=st.sampled_from([1.0, 15.0, 150.0]),
    fading_taught=st.sampled_from([1.0, 3.0, 1e6]),
)


class Stated:
    """The problem as its docstring and papers state it, in dense float64: rows of X, of S and of T."""

    def __init__(self, past: Histories, count: int, fading: float) -> None:
        self.count, self.baskets = count, choices.is_basket_shop(past)
        self.chosen: list[np.ndarray] = []
        self.pasts: list[np.ndarray] = []
        self.nexts: list[np.ndarray] = []
        for _, positions in by_shopper(past):
            moments: dict[int, list[tuple[int, float]]] = {}
            for at in positions:
                line = (int(past.rows[at]), float(past.weights[at]))
                moments.setdefault(int(past.times_ms[at]), []).append(line)
            self._add(list(moments.values()), fading)

    def _add(self, moments: list[list[tuple[int, float]]], fading: float) -> None:
        self.chosen.append(self._group([line for moment in moments for line in moment]))
        for number, moment in enumerate(moments):
            if self.baskets:
                self.chosen.append(self._group(moment))
            if number:
                gone = range(max(0, number - 20), number)
                faded = [(row, w * np.exp(-(number - 1 - at) / fading)) for at in gone for row, w in moments[at]]
                seen = self._strongest(faded)
                self.pasts.append(seen / np.sqrt((seen > 0).sum()) if self.baskets else seen)
                self.nexts.append(self._strongest(moment))

    def _group(self, lines: list[tuple[int, float]]) -> np.ndarray:
        chosen = self._strongest(lines)
        return chosen * (chosen > 0).sum() ** -0.25 if self.baskets else chosen

    def _strongest(self, lines: list[tuple[int, float]]) -> np.ndarray:
        values = np.zeros(self.count)
        for row, weight in lines:
            values[row] = max(values[row], weight)
        return values

    def solve(self, terms: np.ndarray, chosen: Settings) -> tuple[np.ndarray, np.ndarray]:
        """B with its zero diagonal, each column by itself; and the answer of S to T without that constraint."""
        x, s, t = (np.array(rows).reshape(-1, self.count) for rows in (self.chosen, self.pasts, self.nexts))
        alpha, likeness = chosen.behaviour, chosen.text * terms @ terms.T
        gram = alpha * x.T @ x + (1 - alpha) * s.T @ s + likeness + chosen.ridge * np.eye(self.count)
        wanted = alpha * x.T @ x + (1 - alpha) * s.T @ t + likeness
        discover = np.zeros((self.count, self.count))
        for column in range(self.count):
            free = np.arange(self.count) != column
            discover[free, column] = np.linalg.solve(gram[np.ix_(free, free)], wanted[free, column])
        return discover, np.linalg.solve(gram, s.T @ t)


def dense(lists: Lists, count: int) -> np.ndarray:
    return sparse.csr_array((lists.scores, lists.rows, lists.starts), shape=(count, count)).toarray()


@settings(deadline=None, max_examples=150)
@given(shops(), SETTINGS)
def test_solution_is_that_of_the_stated_problem(shop: tuple[Histories, int], chosen: Settings) -> None:
    past, count = shop
    terms = kernel.term_weights(texts(count))
    counted = linear.statistics(past, count, chosen.fading_taught)
    found = linear.solve(counted, terms, chosen, again=True)
    assert found.again is not None
    stated = Stated(past, count, chosen.fading_taught)
    discover, again = stated.solve(terms.toarray().astype(np.float64), chosen)
    scale = max(np.abs(discover).max(), 0.01)
    assert dense(found.discover, count) == pytest.approx(np.maximum(discover, 0), abs=2e-4 * scale + 1e-6)
    assert dense(found.again, count) == pytest.approx(np.maximum(again, 0), abs=2e-4 * max(np.abs(again).max(), 0.01))
    assert linear.solve(counted, terms, chosen).discover.scores.tolist() == found.discover.scores.tolist()


@settings(deadline=None, max_examples=60)
@given(shops())
def test_lists_name_no_product_twice_nor_itself_and_fall(shop: tuple[Histories, int]) -> None:
    past, count = shop
    lists = linear.solve(linear.statistics(past, count, 3.0), kernel.term_weights(texts(count)), Settings()).discover
    for row in range(count):
        part = slice(lists.starts[row], lists.starts[row + 1])
        named = lists.rows[part].tolist()
        assert len(set(named)) == len(named)
        assert lists.scores[part].tolist() == sorted(lists.scores[part].tolist(), reverse=True)
        if row in named:  # the diagonal is zero up to rounding
            assert lists.scores[part][named.index(row)] < 1e-5


def test_what_follows_is_told_from_what_came_before() -> None:
    """Everyone takes 0, then 1, then 2; as pairs the three are alike."""
    past = histories([Did(shopper, day, day) for shopper in range(30) for day in range(3)])
    nothing = sparse.csr_array((3, 0), dtype=np.float32)
    ordered = Settings(behaviour=0.0, text=0.0, ridge=1.0, fading_taught=1.0)
    links = dense(linear.solve(linear.statistics(past, 3, 1.0), nothing, ordered).discover, 3)
    assert links[0, 1] > 0.5
    assert links[1, 0] == pytest.approx(0, abs=1e-3)


def test_product_that_nobody_chose_is_linked_by_its_words() -> None:
    past = histories([Did(shopper, day, day) for shopper in range(30) for day in range(2)])
    words = kernel.term_weights(["red tea pot", "blue cup", "red tea pot large", "large garden chair"])
    links = dense(linear.solve(linear.statistics(past, 4, 3.0), words, Settings()).discover, 4)
    assert links[2].argmax() == 0
    without = linear.solve(linear.statistics(past, 4, 3.0), words, Settings(text=0.0)).discover
    assert dense(without, 4)[2].tolist() == [0, 0, 0, 0]


def test_rows_are_cut_to_their_strongest_entries() -> None:
    count = linear.KEPT + 60
    random = np.random.default_rng(0)
    past = histories([Did(shopper, day, int(random.integers(count))) for shopper in range(400) for day in range(8)])
    nothing = sparse.csr_array((count, 0), dtype=np.float32)
    chosen = Settings(text=0.0, ridge=5.0)
    lists = linear.solve(linear.statistics(past, count, 3.0), nothing, chosen).discover
    discover, _ = Stated(past, count, 3.0).solve(np.zeros((count, 0)), chosen)
    lengths = np.diff(lists.starts)
    assert lengths.max() <= linear.KEPT
    for row in (0, 7, count - 1):
        best = np.sort(discover[row])[::-1][: lengths[row]]
        assert lists.scores[lists.starts[row] : lists.starts[row + 1]] == pytest.approx(best, abs=1e-4)


def test_orders_of_several_products_are_baskets() -> None:
    assert choices.is_basket_shop(histories([Did(0, 1, 0), Did(0, 1, 1), Did(0, 1, 2), Did(1, 1, 0)]))
    assert not choices.is_basket_shop(histories([Did(0, 1, 0), Did(0, 2, 1), Did(0, 3, 2), Did(1, 1, 0)]))
    assert not choices.is_basket_shop(histories([]))


def test_progress_ends_with_all_rows() -> None:
    told: list[tuple[int, int]] = []
    past = histories([Did(0, day, day) for day in range(3)])
    counted = linear.statistics(past, 3, 3.0)
    linear.solve(counted, kernel.term_weights(texts(3)), Settings(), progress=lambda *of: told.append(of))
    assert told == [(3, 3)]


@pytest.mark.parametrize("at_once", [1, 7, 100])
@pytest.mark.parametrize("lines", [1, 3])
def test_pasts_of_a_large_shop_are_gathered_in_parts(monkeypatch: pytest.MonkeyPatch, at_once: int, lines: int) -> None:
    past = habitual(lines=lines)
    whole = choices.of_histories(past, 40, 3.0)
    monkeypatch.setattr(choices, "_EVENTS_AT_ONCE", at_once)
    for one, other in zip(whole, choices.of_histories(past, 40, 3.0), strict=True):
        np.testing.assert_array_equal(one.toarray(), other.toarray())


def test_product_with_few_or_many_pairs_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    past, terms = habitual(), kernel.term_weights(texts(40))
    counted = linear.statistics(past, 40, 3.0)
    solved = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(linear, "_SPARSE_UP_TO", share)
        found = linear.solve(counted, terms, Settings(), again=True)
        assert found.again is not None
        solved.append([dense(found.discover, 40), dense(found.again, 40)])
    np.testing.assert_allclose(*solved, atol=1e-6)
