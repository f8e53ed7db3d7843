"""Scorers are judged by whole lists of what was not known before, and told apart on the same cases."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from server.events.histories import Past
from server.learning.cases import Cases
from server.learning.evaluation import compare, evaluate

COUNT = 30


def past(rows: list[int]) -> Past:
    count = len(rows)
    return Past(
        np.array(rows, dtype=np.int32),
        np.arange(count, dtype=np.int32)[::-1],
        np.ones(count, dtype=np.float32),
        np.ones(count, dtype=np.bool_),
        np.arange(count, dtype=np.int64),
    )


def cases_of(pasts: list[list[int]], targets: list[list[int]]) -> Cases:
    return Cases(
        [past(rows) for rows in pasts],
        [np.unique(np.array(rows, dtype=np.int32)) for rows in pasts],
        [np.array(of, dtype=np.int32) for of in targets],
        np.zeros(len(pasts), dtype=np.int64),
        np.arange(len(pasts), dtype=np.int32),
    )


@dataclass
class Repeating:
    """Likes best what was seen last, then the products next to it; `skill` is the share of cases that it gets."""

    name: str = "repeating"
    skill: float = 1.0

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        scores = np.tile(-np.arange(COUNT, dtype=np.float32), (len(cases), 1))
        for row, past, shopper in zip(scores, cases.pasts, cases.shoppers, strict=True):
            if (int(shopper) * 37 % 100) / 100 < self.skill:
                row[past.rows[-1]] = 2
                row[(past.rows[-1] + 1) % COUNT] = 1
        return scores


@pytest.fixture
def cases() -> Cases:
    """More cases than are scored at a time; the next product is the one beside the last."""
    lasts = [at % COUNT for at in range(700)]
    return cases_of([[(last + 7) % COUNT, last] for last in lasts], [[(last + 1) % COUNT] for last in lasts])


def test_known_products_are_left_out(cases: Cases) -> None:
    assert evaluate(Repeating(), cases, COUNT).means["reciprocal_rank"] == 1
    assert evaluate(Repeating(), cases, COUNT, mask_known=False).means["reciprocal_rank"] == 0.5


def test_lists_tell_how_wide_and_how_popular_they_are(cases: Cases) -> None:
    found = evaluate(Repeating(), cases, COUNT, k=1, popularity=np.arange(COUNT))
    assert found.coverage == 1
    assert found.percentile == pytest.approx(0.5, abs=0.01)
    narrow = evaluate(Repeating(skill=0), cases, COUNT, k=1, popularity=np.arange(COUNT))
    assert narrow.coverage < 0.1
    assert narrow.percentile < 0.1


def test_scores_are_not_changed_for_their_owner(cases: Cases) -> None:
    class Stored(Repeating):
        kept = np.zeros((256, COUNT), dtype=np.float32)

        def scores(self, cases: Cases) -> NDArray[np.float32]:
            return self.kept[: len(cases)]

    evaluate(Stored(), cases, COUNT)
    assert np.isfinite(Stored.kept).all()


def test_progress_counts_cases_and_can_stop(cases: Cases) -> None:
    told: list[int] = []
    evaluate(Repeating(), cases, COUNT, progress=told.append)
    assert told[-1] == len(cases)
    assert told == sorted(told)

    class StopError(Exception):
        pass

    def stop(done: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        evaluate(Repeating(), cases, COUNT, progress=stop)


def test_no_case_is_no_error() -> None:
    nothing = evaluate(Repeating(), cases_of([], []), COUNT, popularity=np.arange(COUNT))
    assert nothing.means["ndcg"] == 0
    assert nothing.coverage == 0
    assert compare(nothing, nothing).probability == 0.5


def test_scores_for_another_catalog_are_refused(cases: Cases) -> None:
    with pytest.raises(ValueError, match="repeating gave scores of shape"):
        evaluate(Repeating(), cases, COUNT + 1)


def test_clearly_better_model_is_told_from_a_worse_one(cases: Cases) -> None:
    good, poor = (evaluate(Repeating(f"{skill}", skill), cases, COUNT) for skill in (0.9, 0.5))
    found = compare(good, poor)
    assert found.probability == 1
    assert 0 < found.low < found.difference < found.high
    assert found.difference == pytest.approx(found.mean_a - found.mean_b)
    back = compare(poor, good)
    assert back.difference == pytest.approx(-found.difference)
    assert back.probability == 0


def test_model_is_not_better_than_itself(cases: Cases) -> None:
    found = evaluate(Repeating(), cases, COUNT)
    same = compare(found, found)
    assert (same.difference, same.standard_error, same.probability) == (0, 0, 0.5)


def test_standard_error_is_that_of_a_mean() -> None:
    """Cases that one model gets and the other does not, at random: the error is known in closed form."""
    generator = np.random.default_rng(0)
    lasts = generator.integers(0, COUNT, 600)
    some = cases_of(
        [[int(last)] for last in lasts], [[int(last + 1 + 5 * (at % 2)) % COUNT] for at, last in enumerate(lasts)]
    )
    a, b = evaluate(Repeating("a"), some, COUNT, k=1), evaluate(Repeating("b", 0), some, COUNT, k=1)
    differences = a.measures.hit - b.measures.hit
    found = compare(a, b, "hit", rounds=4000)
    assert found.standard_error == pytest.approx(differences.std() / np.sqrt(len(some)), rel=0.1)


def test_same_seed_gives_the_same_comparison(cases: Cases) -> None:
    a, b = evaluate(Repeating("a", 0.6), cases, COUNT), evaluate(Repeating("b", 0.5), cases, COUNT)
    assert compare(a, b, seed=3) == compare(a, b, seed=3)


def test_models_judged_on_different_cases_are_not_compared(cases: Cases) -> None:
    some = evaluate(Repeating("some"), cases.take(np.arange(10)), COUNT)
    with pytest.raises(ValueError, match="not measured alike"):
        compare(evaluate(Repeating(), cases, COUNT), some)
