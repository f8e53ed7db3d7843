"""Choosing the linear model's settings: never worse than where it began, and asked as serving asks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.events.histories import Histories, past_at
from server.learning import kernel, large, linear, metrics, tuning
from server.learning.cases import Cases, by_shopper, leave_last_out
from server.learning.linear import Settings
from server.serving.candidates import seeds_of
from tests.learning.shoppers import habitual, shops, texts


def of_habits(count: int = 40) -> tuple[Histories, Cases]:
    train, (validation,) = leave_last_out(habitual(count), places=1)
    return train, validation


def test_settings_found_are_worth_what_is_said_and_no_less_than_the_first() -> None:
    train, validation = of_habits()
    terms = kernel.term_weights(texts(40))
    start = Settings(behaviour=1.0, text=30.0, ridge=1000.0, fading=1e6)
    tuned = tuning.tune(train, terms, validation, start)
    worth = {}
    for name, chosen in (("start", start), ("tuned", tuned.settings)):
        lists = large.solve(train, terms, chosen).discover
        scores = tuning.scores_of(tuning.matrix_of(lists, 40), validation.pasts, chosen.fading)
        worth[name] = tuning.ndcg(scores, validation, mask_known=True)
    assert worth["tuned"] == pytest.approx(tuned.ndcg)
    assert worth["tuned"] > worth["start"]
    assert tuning.tune(train, terms, validation, start) == tuned, "no chance in it"


def test_too_few_cases_change_nothing() -> None:
    train, validation = of_habits()
    few = validation.take(np.arange(tuning.FEWEST_CASES - 1))
    tuned = tuning.tune(train, kernel.term_weights(texts(40)), few, Settings(text=7.0))
    assert tuned.settings == Settings(text=7.0)
    assert np.isnan(tuned.ndcg)


def test_large_catalog_is_tuned_on_its_most_chosen_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The products kept are numbered anew; what is left of pasts and targets still names the same ones."""
    train, validation = of_habits()
    monkeypatch.setattr(tuning, "_TUNED_UP_TO", 25)
    kept, terms, cases = tuning._most_chosen(train, kernel.term_weights(texts(40)), validation)
    chosen = np.sort(np.argsort(-np.bincount(train.rows, minlength=40), kind="stable")[:25])
    assert terms.shape[0] == 25
    assert chosen[kept.rows].tolist() == [row for row in train.rows.tolist() if row in chosen]
    assert 0 < len(cases) <= len(validation)
    of_shopper = dict(zip(validation.shoppers.tolist(), range(len(validation)), strict=True))
    for at, shopper in enumerate(cases.shoppers.tolist()):
        whole = of_shopper[shopper]
        assert chosen[cases.targets[at]].tolist() == validation.targets[whole].tolist()
        assert set(chosen[cases.pasts[at].rows]) == set(validation.pasts[whole].rows) & set(chosen)
    assert tuning.tune(train, kernel.term_weights(texts(40)), validation, Settings()).ndcg > 0.1


@settings(deadline=None, max_examples=40)
@given(shops(), st.sampled_from([1.0, 2.5, 1e6]))
def test_scores_are_sums_of_faded_links(shop: tuple[Histories, int], fading: float) -> None:
    past, count = shop
    lists = linear.solve(linear.statistics(past, count, 3.0), kernel.term_weights(texts(count)), Settings()).discover
    matrix = tuning.matrix_of(lists, count)
    pasts = [past_at(past, positions) for _, positions in by_shopper(past)]
    scores = tuning.scores_of(matrix, pasts, fading).toarray()
    for at, one in enumerate(pasts):
        expected = np.zeros(count)
        newest_first = list(zip(one.rows, one.moments, one.weights, strict=True))[::-1]
        seen: set[int] = set()
        for row, moment, weight in newest_first:
            if row not in seen:
                seen.add(row)
                expected += matrix.toarray()[row] * weight * np.exp(-moment / fading)
        assert scores[at] == pytest.approx(expected, abs=1e-5)
        assert sorted(seeds_of(one, fading)[0].tolist()) == sorted(seen)


def test_quick_measure_is_that_of_the_gate() -> None:
    train, validation = of_habits()
    lists = linear.solve(linear.statistics(train, 40, 3.0), kernel.term_weights(texts(40)), Settings()).discover
    scores = tuning.scores_of(tuning.matrix_of(lists, 40), validation.pasts, 2.5)
    dense = scores.toarray().astype(np.float32)
    for at, known in enumerate(validation.known):
        dense[at, known] = -np.inf
    careful = metrics.measures(dense, validation.targets, 10).ndcg.mean()
    assert tuning.ndcg(scores, validation, mask_known=True) == pytest.approx(careful, abs=0.003)
