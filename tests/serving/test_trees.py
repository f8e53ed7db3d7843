"""Trees at serving time: they score what LightGBM scores, to the last decision, and refuse what they cannot."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.learning.tree_export import forest_of
from server.serving.trees import Tree, Trees

QUIET = {"verbose": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 1, "min_data_in_bin": 1}


def grown(features: np.ndarray, labels: np.ndarray, rounds: int = 5, **settings: Any) -> lightgbm.Booster:
    parameters = {"objective": "regression", **QUIET, **settings}
    return lightgbm.train(parameters, lightgbm.Dataset(features, labels, params=QUIET), rounds)


def tables(*boosters: lightgbm.Booster) -> Trees:
    return Trees.of([forest_of(booster) for booster in boosters], boosters[0].num_feature())


def expected(features: np.ndarray, *boosters: lightgbm.Booster) -> np.ndarray:
    return np.mean([booster.predict(features, raw_score=True, num_threads=1) for booster in boosters], axis=0)


def candidates(count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of all sorts, (count, width) float32, and labels that hang on several of them together."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(count, width)).astype(np.float32)
    features[:, 1] = generator.integers(0, 5, count)
    return features, np.sin(3 * features[:, 0]) + features[:, 1] * features[:, -1] + generator.normal(size=count) / 9


@pytest.mark.parametrize("leaves", [2, 3, 15, 16, 31, 32])
def test_scores_are_those_of_lightgbm_for_all_sizes_of_tree(leaves: int) -> None:
    features, labels = candidates(900, 7)
    boosters = [grown(features, labels, 20 + seed, num_leaves=leaves, seed=seed) for seed in range(3)]
    fresh, _ = candidates(200, 7, seed=1)
    assert max(tree["num_leaves"] for tree in boosters[0].dump_model()["tree_info"]) == leaves
    assert tables(*boosters).score(fresh) == pytest.approx(expected(fresh, *boosters), abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_every_value_goes_the_way_it_goes_in_lightgbm(data: st.DataObject) -> None:
    number = st.one_of(
        st.sampled_from([-1.0, -0.0, 0.0, 0.1, 0.2, 0.3, 1.0, 1e30]),
        st.integers(-3, 3).map(float),
        st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    )
    width = data.draw(st.integers(1, 4))
    rows = data.draw(st.lists(st.lists(number, min_size=width, max_size=width), min_size=8, max_size=60))
    features = np.array(rows, dtype=np.float32)
    labels = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows))), dtype=float)
    boosters = [
        grown(features, labels, rounds, num_leaves=leaves, min_sum_hessian_in_leaf=0)
        for rounds, leaves in data.draw(
            st.lists(st.tuples(st.integers(1, 4), st.integers(2, 32)), min_size=1, max_size=3)
        )
    ]
    asked = np.concatenate([features, around_thresholds(features, boosters)])
    assert tables(*boosters).score(asked) == pytest.approx(expected(asked, *boosters), abs=1e-5)


def around_thresholds(features: np.ndarray, boosters: list[lightgbm.Booster]) -> np.ndarray:
    """Rows with each threshold's nearest float32, and those just below and above it, in place of one value."""
    rows: list[np.ndarray] = []
    for tree in (tree for booster in boosters for tree in forest_of(booster)):
        for feature, threshold in zip(tree.features, tree.thresholds, strict=True):
            if abs(threshold) < 1e-30:
                continue  # LightGBM reads values this small as zero
            nearest = np.float32(threshold)
            for value in (
                np.nextafter(nearest, np.float32(-np.inf)),
                nearest,
                np.nextafter(nearest, np.float32(np.inf)),
            ):
                row = features[len(rows) % len(features)].copy()
                row[feature] = value
                rows.append(row)
    return np.array(rows, dtype=np.float32).reshape(-1, features.shape[1])


def test_a_threshold_between_two_float32_parts_them_exactly() -> None:
    low, high = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    for threshold in (float(low), float(low) + 1e-10, float(high) - 1e-10):
        assert Trees.of([[stump(threshold)]], 1).score(np.array([[low], [high]])).tolist() == [-1, 1]
    assert Trees.of([[stump(1e300)]], 1).score(np.array([[3e38], [np.inf]], dtype=np.float32)).tolist() == [-1, 1]


def stump(threshold: float) -> Tree:
    one = np.zeros(1, dtype=np.int32)
    return Tree(one, np.array([threshold]), one, one, np.array([-1.0, 1.0]))


def test_rankers_agree_after_a_round_trip_through_files(tmp_path: Path) -> None:
    features, labels = candidates(1000, 6)
    groups = {"group": [50] * 20}
    data = lightgbm.Dataset(features, (labels > 1).astype(int), params=QUIET, **groups)
    rankers = [lightgbm.train({"objective": "lambdarank", **QUIET, "seed": seed}, data, 11) for seed in range(2)]
    Trees.of([forest_of(ranker) for ranker in rankers], 6).write(tmp_path, "ranker")
    read = Trees.read(tmp_path, "ranker")
    assert read.score(features[:180]) == pytest.approx(expected(features[:180], *rankers), abs=1e-5)
    assert read.score(features[:0]).shape == (0,)
    assert read.score(features[:1]) == pytest.approx(expected(features[:1], *rankers), abs=1e-5)


def test_only_the_rounds_up_to_the_best_count() -> None:
    features, labels = candidates(400, 4)
    train, held_back = lightgbm.Dataset(features[:300], labels[:300]), lightgbm.Dataset(features[300:], labels[300:])
    stopping = lightgbm.early_stopping(3, verbose=False)
    booster = lightgbm.train(
        {"objective": "regression", **QUIET, "learning_rate": 0.8},
        train,
        200,
        [held_back],
        callbacks=[stopping],
        keep_training_booster=True,
    )
    assert len(forest_of(booster)) == booster.best_iteration < booster.current_iteration()
    assert tables(booster).score(features) == pytest.approx(expected(features, booster), abs=1e-5)


def test_trees_without_tests_are_constants() -> None:
    features = np.ones((50, 3), dtype=np.float32)
    boosters = [grown(features, np.arange(50) / 50.0), grown(candidates(50, 3)[0], np.arange(50) / 50.0)]
    asked, _ = candidates(20, 3, seed=2)
    for chosen in (boosters[:1], boosters):
        assert tables(*chosen).score(asked) == pytest.approx(expected(asked, *chosen), abs=1e-5)


def test_candidates_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="2 features; these trees know 1"):
        Trees.of([[stump(0)]], 1).score(np.zeros((3, 2), dtype=np.float32))


def test_no_trees_and_too_large_ones_are_refused() -> None:
    features, labels = candidates(900, 4)
    with pytest.raises(ValueError, match="no trees"):
        Trees.of([[]], 3)
    with pytest.raises(ValueError, match="33 leaves"):
        tables(grown(features, labels, 1, num_leaves=33))
    with pytest.raises(ValueError, match="65 features"):
        Trees.of([[stump(0)]], 65)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"zero_as_missing": True}, "missing values"),
        ({"linear_tree": True}, "linear leaves"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "random forests"),
        ({"objective": "multiclass", "num_class": 3}, "several scores"),
    ],
)
def test_what_would_be_scored_otherwise_is_refused(settings: dict[str, Any], reason: str) -> None:
    features, _ = candidates(300, 3)
    labels = features[:, 1] % 3 if "num_class" in settings else features[:, 0]
    data = lightgbm.Dataset(features, labels, params={**QUIET, **settings})
    booster = lightgbm.train({"objective": "regression", **QUIET, "min_data_in_leaf": 20, **settings}, data, 3)
    with pytest.raises(ValueError, match=reason):
        forest_of(booster)


def test_categories_are_refused() -> None:
    features, _ = candidates(300, 3)
    data = lightgbm.Dataset(features, features[:, 1] % 2, params=QUIET, categorical_feature=[1])
    with pytest.raises(ValueError, match="by category"):
        forest_of(lightgbm.train({"objective": "regression", **QUIET, "cat_smooth": 1}, data, 3))


def test_missing_values_in_training_are_refused() -> None:
    features, labels = candidates(300, 3)
    features[::7] = np.nan
    with pytest.raises(ValueError, match="missing values"):
        forest_of(grown(features, labels))
