"""LightGBM's trees as the serving process reads them, see `server.serving.trees`."""

from typing import Any

import lightgbm
import numpy as np

from server.serving.trees import Tree

# A node of LightGBM's dump: a test with two children, or a leaf.
_Node = dict[str, Any]


def forest_of(booster: lightgbm.Booster) -> list[Tree]:
    """The trees of a booster up to its best iteration; the sum of their leaves is what `predict(raw_score=True)` gives.

    Raises `ValueError` for what serving would score otherwise: several scores a row, averaged trees, linear leaves,
    categories, and tests that send missing or zero values a way of their own (NaN or `zero_as_missing` in training).
    """
    model = booster.dump_model()
    if model["num_tree_per_iteration"] != 1:
        raise ValueError("The model gives several scores a row; serving knows one.")
    if model["average_output"]:
        raise ValueError("The model averages its trees, as random forests do; serving sums them.")
    return [_tree(tree["tree_structure"]) for tree in model["tree_info"]]


def _tree(root: _Node) -> Tree:
    tests: list[tuple[int, float, int, int]] = []
    leaves: list[float] = []

    def visit(node: _Node) -> None:
        if "split_feature" not in node:
            leaves.append(_value(node))
            return
        first = len(leaves)
        visit(node["left_child"])
        tests.append((*_test(node), first, len(leaves) - 1))
        visit(node["right_child"])

    visit(root)
    features, thresholds, firsts, lasts = zip(*tests, strict=True) if tests else ((), (), (), ())
    return Tree(
        np.array(features, dtype=np.int32),
        np.array(thresholds, dtype=np.float64),
        np.array(firsts, dtype=np.int32),
        np.array(lasts, dtype=np.int32),
        np.array(leaves, dtype=np.float64),
    )


def _value(leaf: _Node) -> float:
    if "leaf_coeff" in leaf:
        raise ValueError("The model has linear leaves; serving knows constants.")
    return leaf["leaf_value"]


def _test(node: _Node) -> tuple[int, float]:
    feature = node["split_feature"]
    if node["decision_type"] != "<=":
        raise ValueError(f"Feature {feature} is split by category; serving compares numbers.")
    if node["missing_type"] != "None":
        raise ValueError(f"Feature {feature} was trained with missing values; serving has none. Fill them first.")
    return feature, node["threshold"]
