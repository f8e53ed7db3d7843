"""The reranker and the pipeline around it: taught by what serving sees, kept only where it finds more."""

from dataclasses import replace

import numpy as np
import pytest

from server.learning import pipeline, reranker, tuning
from server.learning.cases import leave_last_out
from server.learning.evaluation import evaluate
from server.learning.pipeline import Options, Trained, shows_again
from server.learning.scorers import best_of, scorers
from server.serving import candidates
from server.serving.features import FEATURES, features
from server.serving.learned import Learned
from tests.learning.shoppers import habitual
from tests.learning.two_stages import COUNT, cut, fitted, goods

pytestmark = pytest.mark.slow
NOTHING = np.empty(0, dtype=np.int32)


@pytest.fixture(scope="module")
def model() -> tuple[Trained, Learned]:
    return fitted(towers=False)


def test_cases_are_looked_up_as_serving_looks_up(model: tuple[Trained, Learned]) -> None:
    _, learned = model
    cases = cut()[1].new_only().take(np.arange(60))
    taught = reranker.look_up(learned, cases, again=False)
    assert taught.sizes.sum() == len(taught.labels) == len(taught.features)
    starts = np.concatenate([[0], np.cumsum(taught.sizes)])
    for at, past in enumerate(cases.pasts):
        part = slice(starts[at], starts[at + 1])
        pool = candidates.gather(learned, past, cases.known[at], again=False)
        assert np.array_equal(taught.features[part], features(learned, past, pool, int(cases.now_ms[at])))
        assert pool.rows[taught.labels[part] > 0].tolist() == [row for row in pool.rows if row in cases.targets[at]]
    assert taught.hits.tolist() == [bool(taught.labels[starts[at] : starts[at + 1]].any()) for at in range(len(cases))]


def test_quality_of_an_order_is_that_of_the_evaluation(model: tuple[Trained, Learned]) -> None:
    """What is not among the candidates cannot be found in either."""
    trained, learned = model
    cases = cut()[2].new_only()
    taught = reranker.look_up(learned, cases, again=False)
    quick = taught.ndcg(learned.rankers[False].score(taught.features), cases)
    careful = evaluate(best_of(trained, learned), cases, COUNT)
    assert quick.mean() == pytest.approx(careful.means["ndcg"], abs=1e-6)


def test_trees_are_judged_on_shoppers_that_they_never_met(model: tuple[Trained, Learned]) -> None:
    _, learned = model
    cases = cut()[1].new_only().take(np.arange(150))
    taught = reranker.look_up(learned, cases, again=False)
    found, scores = reranker.teach(taught, cases.shoppers, "linear_z", seed=0, threads=1)
    assert len(found.boosters) == reranker.FOLDS
    assert np.flatnonzero(found.slopes).tolist() == [FEATURES.index("linear_z")]
    fold = reranker.fold_of(taught, cases.shoppers, seed=0)
    assert np.bincount(fold).min() >= len(cases) // reranker.FOLDS
    based = taught.features @ found.slopes
    for number, booster in enumerate(found.boosters):
        own = (fold == number)[taught.cases]
        assert scores[own] == pytest.approx(based[own] + np.asarray(booster.predict(taught.features[own])), abs=1e-5)
    assert sum(found.importance.values()) == pytest.approx(1)
    assert set(found.importance) == set(FEATURES)


@pytest.mark.parametrize("kind", ["as it is", "popular is right", "unpopular is right"])
def test_lists_are_tilted_against_what_is_popular_as_far_as_it_costs_nearly_nothing(
    model: tuple[Trained, Learned], kind: str
) -> None:
    trained, learned = model
    cases = cut()[1].new_only()
    taught = reranker.look_up(learned, cases, again=False)
    popularity = taught.features[:, FEATURES.index("popularity")]
    scores = taught.features[:, FEATURES.index("linear_z")]
    if kind != "as it is":
        scores = (0.01 if kind == "popular is right" else -0.01) * popularity
        best = np.lexsort((-popularity if kind == "popular is right" else popularity, taught.cases))
        firsts = best[np.cumsum(taught.sizes) - taught.sizes]
        taught = taught._replace(labels=np.isin(np.arange(len(popularity)), firsts).astype(np.int8))
        cases = replace(cases, targets=[np.zeros(1, dtype=np.int32)] * len(cases))
    found = trained.rerankers[False]
    wide, tilted = reranker.widen(found, taught, cases, scores)
    tilt = (found.slopes - wide.slopes)[FEATURES.index("popularity")]
    assert tilted == pytest.approx(scores - tilt * popularity, abs=1e-5)
    assert np.flatnonzero(found.slopes != wide.slopes).tolist() in ([], [FEATURES.index("popularity")])
    least = 0.995 * taught.ndcg(scores, cases).mean()
    assert taught.ndcg(tilted, cases).mean() >= least
    if kind == "popular is right":
        assert tilt == 0
    elif kind == "unpopular is right":
        assert tilt == pytest.approx(0.2)
    elif tilt < 0.19:
        assert taught.ndcg(scores - np.float32(tilt + 0.02) * popularity, cases).mean() < least


def test_same_seed_grows_the_same_trees(model: tuple[Trained, Learned]) -> None:
    _, learned = model
    cases = cut()[1].new_only().take(np.arange(150))
    taught = reranker.look_up(learned, cases, again=False)
    texts = [
        [booster.model_to_string() for booster in reranker.teach(taught, cases.shoppers, "linear_z", 3, 1)[0].boosters]
        for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_stages_taught_side_by_side_are_those_taught_one_after_the_other() -> None:
    (alone, _), (beside, _), (again, _) = fitted(), fitted(threads=2), fitted(threads=2)
    assert alone.towers is not None
    assert beside.towers is not None
    assert again.towers is not None
    assert np.array_equal(beside.towers.items, alone.towers.items)
    one, other = (tuning.matrix_of(trained.solution.discover, COUNT).toarray() for trained in (beside, alone))
    assert one == pytest.approx(other, abs=1e-5), "libraries add up in another order with more threads"
    assert np.array_equal(again.towers.items, beside.towers.items)
    for part, same in zip(again.solution.discover, beside.solution.discover, strict=True):
        assert np.array_equal(part, same)


def test_two_stages_are_kept_as_they_find_more_and_serve_what_was_judged(model: tuple[Trained, Learned]) -> None:
    trained, learned = model
    assert trained.stack == "two-stage"
    assert trained.worth["two-stage"].mean() > trained.worth["linear"].mean()
    test = cut()[2].new_only()
    quality = {scorer.name: evaluate(scorer, test, COUNT).means["ndcg"] for scorer in scorers(trained, learned)}
    assert quality["two-stage"] > quality["linear"], "and on cases that chose nothing"
    assert best_of(trained, learned).name == "two-stage"


def test_shop_with_few_cases_gets_the_linear_model_alone() -> None:
    trained, learned = fitted(towers=False, shoppers=reranker.FEWEST_GROUPS - 20)
    assert (trained.stack, trained.towers, dict(learned.rankers)) == ("linear", None, {})
    assert best_of(trained, learned).name == "linear"


def test_larger_stage_must_be_better_by_more_than_chance() -> None:
    smaller = np.random.default_rng(0).random(400)
    assert pipeline._is_better(smaller + 0.01, smaller)
    assert not pipeline._is_better(smaller, smaller)
    assert not pipeline._is_better(smaller + np.tile([0.5, -0.499], 200), smaller), "within its error"
    assert not pipeline._is_better(np.ones(1), np.zeros(1))


def test_only_where_things_are_chosen_again_they_may_come_again() -> None:
    _, validation, _ = cut()
    assert not shows_again(validation)
    habits = habitual(COUNT, shoppers=400, length=6)
    weekly = replace(habits, rows=habits.shoppers % 7)
    train, (again,) = leave_last_out(weekly, places=1)
    assert shows_again(again)
    trained, learned = pipeline.fit(train, again, train, goods(), Options(tuned=False, reranked=False))
    assert trained.asking.again
    assert learned.again is not None
    best = best_of(trained, learned)
    found = evaluate(best, again, COUNT, mask_known=False)
    assert found.means["ndcg"] > 0.9, "everybody comes for the same thing"


def test_what_is_served_for_a_past_is_what_the_gate_judged(model: tuple[Trained, Learned]) -> None:
    trained, learned = model
    cases = cut()[2].take(np.arange(20))
    scores = best_of(trained, learned).scores(cases)
    for at, past in enumerate(cases.pasts):
        pool = candidates.gather(learned, past, cases.known[at], again=False)
        served = learned.rankers[False].score(features(learned, past, pool, int(cases.now_ms[at])))
        assert np.array_equal(scores[at, pool.rows], served)
        assert np.isinf(np.delete(scores[at], pool.rows)).all()


def test_progress_tells_of_every_stage() -> None:
    told: dict[str, tuple[int, int]] = {}
    train, validation, _ = cut(320)
    options = Options(tuned=True, towers=False)
    pipeline.fit(train, validation, train, goods(), options, lambda stage, *of: told.update({stage: of}))
    assert set(told) <= set(pipeline.STAGES)
    assert {"Choosing settings", "Linear model", "Looking up candidates", "Reranker"} <= set(told)
