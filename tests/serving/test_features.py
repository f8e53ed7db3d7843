"""What the reranker knows of candidates: always numbers, and each what its name says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.events.histories import NO_PAST, Past
from server.serving import candidates
from server.serving.features import FEATURES, features
from server.serving.learned import Learned
from tests.learning.shoppers import DAY_MS
from tests.serving.learned_shops import COUNT, NOW_MS, goods, pasts, stacks

pytestmark = pytest.mark.slow
STACKS = st.sampled_from(["linear", "with towers", "bought again", "words alone"])
NOTHING = np.empty(0, dtype=np.int32)


@pytest.fixture(scope="module")
def shops() -> dict[str, Learned]:
    return stacks()


def table(learned: Learned, past: Past, *, again: bool = False) -> tuple[NDArray[np.int32], dict[str, NDArray]]:
    """The candidates, and their features by name."""
    pool = candidates.gather(learned, past, NOTHING, again=again)
    matrix = features(learned, past, pool, NOW_MS)
    assert (matrix.shape, matrix.dtype) == ((len(pool.rows), len(FEATURES)), np.float32)
    return pool.rows, dict(zip(FEATURES, matrix.T, strict=True))


@settings(deadline=None, max_examples=200)
@given(name=STACKS, past=pasts(), again=st.booleans(), later_ms=st.integers(-(10**9), 10**12))
def test_every_feature_is_a_number_for_any_past(
    shops: dict[str, Learned], name: str, past: Past, again: bool, later_ms: int
) -> None:
    pool = candidates.gather(shops[name], past, NOTHING, again=again)
    assert np.isfinite(features(shops[name], past, pool, NOW_MS + later_ms)).all()


@settings(deadline=None, max_examples=100)
@given(name=STACKS, past=pasts())
def test_what_the_shopper_did_is_counted(shops: dict[str, Learned], name: str, past: Past) -> None:
    learned, those = shops[name], goods()
    rows, of = table(learned, past, again=True)
    for at, row in enumerate(rows.tolist()):
        own = past.rows == row
        assert of["times_chosen"][at] == own.sum()
        if own.any():
            assert of["moments_since_chosen"][at] == past.moments[own].min()
            assert of["days_since_chosen"][at] == pytest.approx((NOW_MS - past.times_ms[own].max()) / DAY_MS)
            pause = (past.times_ms[own].max() - past.times_ms[own].min()) / DAY_MS / max(own.sum() - 1, 1)
            due = of["days_since_chosen"][at] / pause if pause else 10_000
            assert of["due"][at] == pytest.approx(due, rel=1e-4)
        else:
            assert of["days_since_chosen"][at] == of["due"][at] == of["moments_since_chosen"][at] == 10_000
        if len(past):
            newest = past.rows[-1]
            assert of["same_category"][at] == (those.category[row] == those.category[newest] >= 0)
            assert of["same_brand"][at] == (those.brand[row] == those.brand[newest] >= 0)
    assert set(of["products_seen"]) <= {len(set(past.rows.tolist()))}
    assert set(of["moments_seen"]) <= {len(set(past.times_ms.tolist()))}


@settings(deadline=None, max_examples=60)
@given(name=STACKS, past=pasts())
def test_prices_are_held_against_what_the_shopper_pays(shops: dict[str, Learned], name: str, past: Past) -> None:
    rows, of = table(shops[name], past)
    prices = goods().price
    seen = [float(prices[row]) for row in set(past.rows.tolist()) if prices[row] > 0]
    for at, row in enumerate(rows.tolist()):
        expected = np.log(prices[row]) - np.mean(np.log(seen)) if seen and prices[row] > 0 else 0
        assert of["price_ratio"][at] == pytest.approx(expected, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(name=STACKS, past=pasts())
def test_ranks_follow_scores(shops: dict[str, Learned], name: str, past: Past) -> None:
    rows, of = table(shops[name], past, again=True)
    for score, rank in (("linear", "linear_rank"), ("tower", "tower_rank"), ("again", "again_rank")):
        assert sorted(of[rank].tolist()) == list(range(len(rows)))
        in_order = of[score][np.argsort(of[rank])]
        assert (np.diff(in_order) <= 0).all()
    assert (of["linear_gap"] >= 0).all()
    assert (of["tower_gap"] >= 0).all()


def test_shares_of_a_past_that_names_no_category_are_nought(shops: dict[str, Learned]) -> None:
    one = np.zeros(1, dtype=np.int32)
    past = Past(one, one, np.ones(1, dtype=np.float32), np.ones(1, dtype=np.bool_), np.array([NOW_MS]))
    assert goods().category[0] == goods().brand[0] == -1
    _, of = table(shops["linear"], past)
    for name in ("same_category", "category_share", "same_brand", "brand_share"):
        assert not of[name].any()


def test_no_candidates_make_an_empty_table(shops: dict[str, Learned]) -> None:
    rows, of = table(shops["words alone"], NO_PAST)
    assert (len(rows), len(of["linear"])) == (0, 0)
    assert len(shops["words alone"].category) == COUNT
