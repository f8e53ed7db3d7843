"""What the product's own figures have to reach on known data sets, and what it aims at."""

from collections.abc import Mapping
from typing import NamedTuple


class Target(NamedTuple):
    """For one measure: what must be reached, and what is aimed at."""

    must: float
    aim: float


# By data set, protocol (its order after a colon where that is another set) and name of the test.
_TARGETS: dict[tuple[str, str, str], dict[str, Target]] = {
    ("bench-a", "leave-one-out:pos_src", ""): {
        "ndcg": Target(0.080, 0.090),
        "recall": Target(0.130, 0.145),
        "coverage": Target(0.90, 0.97),
    },
    ("bench-a", "time-cut", ""): {"average_precision": Target(0.023, 0.028), "ndcg": Target(0.038, 0.045)},
    ("bench-b", "next-basket", "all"): {"ndcg": Target(0.325, 0.36)},
    ("bench-b", "next-basket", "new"): {"ndcg": Target(0.133, 0.155)},
}
# Where the target is a multiple of what another model of the same run has.
_MULTIPLES = {("bench-c", "holdout", ""): ("item-kNN", {"ndcg": Target(1.5, 1.8)})}


def targets(
    shop: str, protocol: str, order: str, test: str, others: Mapping[str, Mapping[str, float]]
) -> dict[str, Target]:
    """The targets by measure; `others`: what each model of the same test has, by name and measure."""
    keys = ((shop, protocol, test), (shop, f"{protocol}:{order}", test))
    found = next((_TARGETS[key] for key in keys if key in _TARGETS), None)
    if found is not None:
        return found
    model, multiples = _MULTIPLES.get(keys[0], ("", {}))
    if model not in others:
        return {}
    of_model = others[model]
    return {
        name: Target(of_model[name] * target.must, of_model[name] * target.aim) for name, target in multiples.items()
    }
