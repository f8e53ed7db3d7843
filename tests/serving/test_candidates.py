"""The first stage: who is a candidate, who never is, and that what is said of each is what a full count gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.events.histories import NO_PAST, Past
from server.serving import candidates
from server.serving.candidates import POOL, Pool
from server.serving.learned import Learned
from server.serving.pairs import Pairs
from tests.learning.shoppers import habitual
from tests.serving.learned_shops import COUNT, learned_of, pasts, stacks

pytestmark = pytest.mark.slow
EXAMPLES = settings(deadline=None, max_examples=120)
STACKS = st.sampled_from(["linear", "with towers", "bought again", "words alone"])
LEFT_OUT = st.lists(st.integers(0, COUNT - 1), max_size=COUNT).map(lambda rows: np.array(rows, dtype=np.int32))


@pytest.fixture(scope="module")
def shops() -> dict[str, Learned]:
    return stacks()


def dense(pairs: Pairs, count: int = COUNT) -> NDArray[np.float64]:
    """A table of pairs as a matrix (n, n)."""
    rows, scores = pairs.of(np.arange(count), pairs.width)
    matrix = np.zeros((count, count))
    np.maximum.at(matrix, (np.arange(count)[:, None], rows), scores)
    return matrix


def newest_of_each(past: Past) -> dict[int, tuple[int, float]]:
    """Moments since, and weight, of the newest event of each product, newest first."""
    found: dict[int, tuple[int, float]] = {}
    for row, moment, weight in list(zip(past.rows.tolist(), past.moments.tolist(), past.weights, strict=True))[::-1]:
        found.setdefault(row, (moment, float(weight)))
    return found


@EXAMPLES
@given(name=STACKS, past=pasts(), left_out=LEFT_OUT, again=st.booleans())
def test_no_row_comes_twice_or_against_the_rules(
    shops: dict[str, Learned], name: str, past: Past, left_out: NDArray[np.int32], again: bool
) -> None:
    pool = candidates.gather(shops[name], past, left_out, again=again)
    rows = set(pool.rows.tolist())
    assert len(rows) == len(pool.rows) <= POOL
    assert rows.isdisjoint(left_out.tolist())
    if again:
        assert set(past.rows.tolist()) - set(left_out.tolist()) <= rows, "what was there before may come"
    else:
        assert rows.isdisjoint(past.rows.tolist())


@EXAMPLES
@given(name=STACKS, past=pasts(), most=st.integers(1, 200))
def test_fewer_are_the_first_of_more(shops: dict[str, Learned], name: str, past: Past, most: int) -> None:
    nothing = np.empty(0, dtype=np.int32)
    pool, fewer = (candidates.gather(shops[name], past, nothing, again=False, most=size) for size in (200, most))
    assert fewer.rows.tolist() == pool.rows[:most].tolist()
    np.testing.assert_array_equal(fewer.linear, pool.linear[:, :most])


@EXAMPLES
@given(name=STACKS, past=pasts(), again=st.booleans())
def test_what_is_said_is_what_a_full_count_gives(shops: dict[str, Learned], name: str, past: Past, again: bool) -> None:
    learned = shops[name]
    pool = candidates.gather(learned, past, np.empty(0, dtype=np.int32), again=again)
    newest = newest_of_each(past)
    assert pool.seeds.tolist() == list(newest)
    links, likeness, together = (dense(pairs) for pairs in (learned.linear, learned.words, learned.bought))
    for number, fading in enumerate((1.0, learned.asking.fading, np.inf)):
        faded = {row: weight * np.exp(-moment / fading) for row, (moment, weight) in newest.items()}
        expected = sum((links[row] * fade for row, fade in faded.items()), np.zeros(COUNT))
        assert pool.linear[number] == pytest.approx(expected[pool.rows], abs=1e-5)
        assert pool.fade[number] == pytest.approx(list(faded.values()), abs=1e-6)
        if number != 1:
            continue
        assert pool.spread[0] == pytest.approx(expected.mean(), abs=1e-6)
        assert pool.spread[1] == pytest.approx(max(expected.std(), 1e-6), abs=1e-4)
        missed = set(np.flatnonzero(expected > 1e-6).tolist()) - set(pool.rows.tolist())
        assert missed <= set(past.rows.tolist()), "in a small shop nothing that is spoken for is left behind"
        bought = sum((together[row] * fade for row, fade in faded.items()), np.zeros(COUNT))
        assert pool.bought == pytest.approx(bought[pool.rows], abs=1e-5)
        if learned.again is not None and again:
            repeated = sum((dense(learned.again)[row] * fade for row, fade in faded.items()), np.zeros(COUNT))
            assert pool.again == pytest.approx(repeated[pool.rows], abs=1e-5)
    _check_words_and_vectors(learned, past, pool, likeness)


def _check_words_and_vectors(learned: Learned, past: Past, pool: Pool, likeness: NDArray[np.float64]) -> None:
    if not len(past):
        assert not pool.words.any()
        assert not pool.tower.any()
        return
    assert pool.words[0] == pytest.approx(likeness[pool.seeds[0]][pool.rows], abs=1e-6)
    assert pool.words[1] == pytest.approx(likeness[pool.seeds[:20]].max(axis=0)[pool.rows], abs=1e-6)
    if learned.tower is not None:
        cosines = learned.items @ learned.tower.vector(past, learned.items)
        assert pool.tower == pytest.approx(cosines[pool.rows], abs=1e-5)


@EXAMPLES
@given(name=STACKS, before=pasts(), past=pasts(), left_out=LEFT_OUT, again=st.booleans())
def test_nothing_is_remembered_from_one_question_to_the_next(
    shops: dict[str, Learned], name: str, before: Past, past: Past, left_out: NDArray[np.int32], again: bool
) -> None:
    first = candidates.gather(shops[name], past, left_out, again=again)
    candidates.gather(shops[name], before, left_out, again=not again)
    second = candidates.gather(shops[name], past, left_out, again=again)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_shopper_without_a_past_is_offered_what_is_hot(shops: dict[str, Learned]) -> None:
    pool = candidates.gather(shops["with towers"], NO_PAST, np.empty(0, dtype=np.int32), again=False)
    assert set(pool.rows.tolist()) == set(shops["with towers"].hot.tolist())
    assert len(candidates.gather(shops["words alone"], NO_PAST, np.empty(0, dtype=np.int32), again=True).rows) == 0


def test_pool_of_a_larger_shop_is_cut_and_holds_the_best_of_the_linear_model() -> None:
    count = 700
    past = habitual(count, shoppers=900)
    learned, links = learned_of(past, count), None
    links = dense(learned.linear, count)
    for shopper in range(5):
        rows = past.rows[past.shoppers == shopper]
        moments = np.arange(len(rows), dtype=np.int32)[::-1]
        weights = np.ones(len(rows), dtype=np.float32)
        own = Past(rows, moments, weights, weights > 0, np.arange(len(rows)))
        pool = candidates.gather(learned, own, np.empty(0, dtype=np.int32), again=False)
        scores = (links[own.rows] * np.exp(-own.moments / learned.asking.fading)[:, None]).sum(axis=0)
        scores[own.rows] = 0
        best = np.argsort(-scores)[:20]
        assert len(pool.rows) <= POOL
        assert set(best[scores[best] > 0].tolist()) <= set(pool.rows.tolist())
