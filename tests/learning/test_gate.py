"""The gate: cut in time, judged on what nobody was taught, closed to what is worse."""

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from server.events.histories import Histories
from server.learning import gate
from server.learning.cases import Cases
from server.learning.gate import CoVisitation, Popularity, Verdict
from tests.learning.shoppers import DAY_MS, Did, habitual, histories, shops

COUNT = 40


class Guess:
    """Knows what comes next in a share of the cases, and otherwise has a favourite of its own."""

    def __init__(self, name: str, share: float, seed: int = 0) -> None:
        self.name, self._share, self._seed = name, share, seed

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        scores = np.zeros((len(cases), COUNT), dtype=np.float32)
        for at, (shopper, targets) in enumerate(zip(cases.shoppers, cases.targets, strict=True)):
            random = np.random.default_rng((self._seed, int(shopper)))
            scores[at] = random.random(COUNT) / 2
            if random.random() < self._share:
                scores[at, targets] = 1
        return scores


def judged(candidate: Guess, *rivals: Guess) -> Verdict:
    past = habitual(COUNT, shoppers=300)
    test = gate.split(past).test
    everyone = [Popularity(past, COUNT), *rivals]
    return gate.judge(candidate, everyone, test.new_only(), COUNT, stack="linear", again=False, seed=1)


def test_better_model_goes_live_and_says_by_how_much() -> None:
    verdict = judged(Guess("linear", 0.9), Guess("live", 0.5))
    assert (verdict.accepted, verdict.stack) == (True, "linear")
    assert "popularity" in verdict.reason
    assert "%" in verdict.reason
    assert [one["against"] for one in verdict.comparisons] == ["popularity", "live"]
    for one in verdict.comparisons:
        gained = verdict.figures["linear"]["ndcg@10"] - verdict.figures[one["against"]]["ndcg@10"]
        assert one["difference"] == pytest.approx(gained, abs=2e-5)
        assert one["low"] < one["difference"] < one["high"]
        assert one["probability"] > 0.95


@pytest.mark.parametrize(("share", "rival"), [(0.5, 0.9), (0.0, 0.0)], ids=["worse than what is live", "chance"])
def test_model_that_is_no_better_is_refused_with_its_reason(share: float, rival: float) -> None:
    verdict = judged(Guess("linear", share), Guess("live", rival, seed=3))
    assert not verdict.accepted
    assert "not put live" in verdict.reason
    assert set(verdict.figures) == {"popularity", "live", "linear"}


def test_model_as_good_as_the_live_one_takes_its_place() -> None:
    """It was taught newer events; only against what everybody can have it must win."""
    assert judged(Guess("linear", 0.7), Guess("live", 0.7)).accepted


def test_same_seed_gives_the_same_verdict() -> None:
    assert judged(Guess("linear", 0.6), Guess("live", 0.6, seed=5)) == judged(
        Guess("linear", 0.6), Guess("live", 0.6, seed=5)
    )


@settings(deadline=None, max_examples=100)
@given(shops(most_events=60))
def test_nothing_is_taught_that_is_judged_by(shop: tuple[Histories, int]) -> None:
    past, _ = shop
    cut = gate.split(past)
    assert len(cut.train) <= len(cut.whole) <= len(past)
    for cases, taught in ((cut.validation, cut.train), (cut.test, cut.whole)):
        if not len(cases):
            continue
        assert cases.now_ms.min() >= (taught.times_ms[-1] if len(taught) else 0)
        for at in range(len(cases)):
            assert len(cases.targets[at])
            assert cases.pasts[at].times_ms.max() < cases.now_ms[at]
    if len(cut.validation) and len(cut.test):
        assert cut.validation.now_ms.max() <= cut.test.now_ms.min()


def test_long_past_is_cut_at_midnight_and_a_short_one_by_its_events() -> None:
    long = histories([Did(shopper, day, day % 7) for shopper in range(20) for day in range(100)])
    assert int(gate.split(long).whole.newest_ms) % DAY_MS == int(long.times_ms[0]) % DAY_MS
    short = histories([Did(shopper, day, day % 7) for shopper in range(20) for day in range(10)])
    cut = gate.split(short)
    assert len(cut.whole) == 0.9 * len(short)
    assert len(cut.test) == 20


def test_shop_without_events_has_nothing_to_judge_by() -> None:
    cut = gate.split(histories([]))
    assert (len(cut.train), len(cut.validation), len(cut.whole), len(cut.test)) == (0, 0, 0, 0)


def test_basket_shops_are_judged_by_the_next_basket_alone() -> None:
    events = [
        Did(shopper, day, (shopper + day + line) % 20)
        for shopper in range(30)
        for day in range(10)
        for line in range(3)
    ]
    test = gate.split(histories(events)).test
    assert {len(targets) for targets in test.targets} == {3}


def test_rivals_score_every_product_for_every_case() -> None:
    past = habitual(COUNT)
    test = gate.split(past).test
    for rival in (Popularity(past, COUNT), CoVisitation(past, COUNT)):
        scores = rival.scores(test)
        assert scores.shape == (len(test), COUNT)
        assert np.isfinite(scores).all()
    nothing = histories([])
    assert not CoVisitation(nothing, COUNT).scores(test).any()
    assert not Popularity(nothing, COUNT).scores(test).any()
