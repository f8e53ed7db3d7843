"""Measures equal their definitions, counted by hand, whatever the scores: ties and products never shown included."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.learning import metrics

Judged = tuple[NDArray[np.float32], list[NDArray[np.int32]]]


@st.composite
def judged(draw: st.DrawFn) -> Judged:
    """Score rows with many ties and some products that may not be shown, and targets of every case."""
    count, cases = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    few = st.sampled_from([-np.inf, -1.5, 0.0, 0.25, 1.0, 3.0])
    scores = draw(st.lists(st.lists(few, min_size=count, max_size=count), min_size=cases, max_size=cases))
    targets = [sorted(draw(st.sets(st.integers(0, count - 1), max_size=8))) for _ in range(cases)]
    return np.array(scores, dtype=np.float32), [np.array(of, dtype=np.int32) for of in targets]


def places_by_hand(row: list[float], targets: list[int]) -> list[float]:
    """Places of the targets of one case, written as the definition reads."""
    places = []
    for score in sorted({row[target] for target in targets}, reverse=True):
        above = sum(other > score for other in row)
        tied = sum(other == score for other in row)
        together = sum(row[target] == score for target in targets)
        spread = [number * (tied + 1) / (together + 1) for number in range(1, together + 1)]
        places += [math.inf if score == -math.inf else above + step for step in spread]
    return places


def measures_by_hand(row: list[float], targets: list[int], k: int) -> tuple[float, ...]:
    places = places_by_hand(row, targets)
    hits = [place for place in places if place <= k]
    short = min(k, len(targets))
    ideal = sum(1 / math.log2(1 + place) for place in range(1, short + 1))
    return (
        len(hits) / k,
        len(hits) / len(targets) if len(targets) else 0,
        sum(number / place for number, place in enumerate(hits, 1)) / short if short else 0,
        sum(1 / math.log2(1 + place) for place in hits) / ideal if short else 0,
        1 / hits[0] if hits else 0,
        1 if hits else 0,
    )


@given(judged(), st.integers(1, 12))
def test_measures_equal_their_definitions(judged: Judged, k: int) -> None:
    scores, targets = judged
    found = metrics.measures(scores, targets, k)
    for case, (row, of_case) in enumerate(zip(scores.tolist(), targets, strict=True)):
        assert [values[case] for values in found] == pytest.approx(measures_by_hand(row, of_case.tolist(), k))
        assert all(0 <= values[case] <= 1 + 1e-12 for values in found)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=6),
    st.sets(st.integers(0, 5), min_size=1),
)
def test_place_is_the_mean_over_all_orders_of_ties(row: list[float], targets: set[int]) -> None:
    chosen = sorted(target for target in targets if target < len(row)) or [0]
    sums, orders = np.zeros(len(chosen)), 0
    for order in itertools.permutations(range(len(row))):
        ranking = sorted(order, key=lambda item: -row[item])  # stable: `order` decides between equals
        sums += sorted(ranking.index(target) + 1 for target in chosen)
        orders += 1
    found = metrics.target_places(np.array([row], dtype=np.float32), [np.array(chosen, dtype=np.int32)])
    assert found.places == pytest.approx(sums / orders)


def test_single_hit_scores_by_its_place() -> None:
    scores = np.array([[5, 4, 3, 2, 1]], dtype=np.float32)
    found = metrics.measures(scores, [np.array([2], dtype=np.int32)], k=4)
    assert [values[0] for values in found] == pytest.approx([1 / 4, 1, 1 / 3, 1 / 2, 1 / 3, 1])


def test_target_that_may_not_be_shown_is_no_hit() -> None:
    scores = np.array([[-np.inf, -np.inf, 1]], dtype=np.float32)
    found = metrics.measures(scores, [np.array([0], dtype=np.int32)])
    assert all(values[0] == 0 for values in found)


def test_model_that_tells_nothing_gains_nothing_from_ties() -> None:
    found = metrics.measures(np.zeros((1, 100), dtype=np.float32), [np.array([0], dtype=np.int32)])
    assert found.hit[0] == 0


def test_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        metrics.measures(np.array([[0.0, np.nan]], dtype=np.float32), [np.array([0], dtype=np.int32)])


@given(judged(), st.integers(1, 12))
def test_best_are_the_highest_that_may_be_shown(judged: Judged, k: int) -> None:
    scores, _ = judged
    lists = metrics.best(scores, k)
    for row, rows in zip(scores, lists, strict=True):
        shown = rows[rows >= 0]
        assert len(set(shown.tolist())) == len(shown)
        assert row[shown].tolist() == sorted(row[np.isfinite(row)].tolist(), reverse=True)[:k]


def test_coverage_counts_each_shown_product_once() -> None:
    assert metrics.coverage(np.array([[0, 1, -1], [1, 2, -1]]), 10) == pytest.approx(0.3)
    assert metrics.coverage(np.empty((0, 3), dtype=np.int64), 10) == 0


def test_percentiles_put_equals_in_the_middle() -> None:
    assert metrics.percentiles(np.array([7, 0, 0, 9])).tolist() == [0.625, 0.25, 0.25, 0.875]


@given(st.lists(st.integers(0, 5), min_size=1))
def test_percentiles_of_a_whole_catalog_average_one_half(popularity: list[int]) -> None:
    assert metrics.percentiles(np.array(popularity)).mean() == pytest.approx(0.5)
