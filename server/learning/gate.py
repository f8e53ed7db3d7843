"""The gate: a model goes live only when it finds more of what shoppers did next than what is live now.

The past is cut in time. What comes after the second cut is the test: nothing was taught or chosen by it, every product
of the catalog is ranked, what the shopper knew is left out (unless shoppers of this shop choose things again), and
models are compared on the same cases by the paired bootstrap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories
from server.learning import covisitation
from server.learning.cases import Cases, before, time_cut
from server.learning.choices import is_basket_shop
from server.learning.evaluation import Comparison, Evaluation, Scorer, compare, evaluate
from server.learning.popularity import popularity
from server.learning.tuning import matrix_of, scores_of

FEWEST_CASES = 100  # of the test; below, chance moves the figures more than any model does
TEST_SHARE, VALIDATION_SHARE = 0.9, 0.9  # of the events lies before the test, and of these before validation
MOST_CASES = 5_000  # the standard error of recall is then 0.005
_DAY_MS = 86_400_000
_SURE = 1.0  # standard errors by which a larger model has to be better


@dataclass(frozen=True, slots=True)
class Split:
    """A shop's past, cut twice. `whole`: everything before the test."""

    train: Histories
    validation: Cases
    whole: Histories
    test: Cases


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. `figures`: by model and measure."""

    accepted: bool
    stack: str
    reason: str
    figures: dict[str, dict[str, float]]
    comparisons: list[dict[str, Any]]


def split(past: Histories) -> Split:
    """Cut a shop's past in time."""
    cut_ms = _cut(past, TEST_SHARE)
    whole = before(past, cut_ms)
    inner_ms = _cut(whole, VALIDATION_SHARE)
    baskets = is_basket_shop(past)
    train = before(whole, inner_ms)
    validation = time_cut(whole, inner_ms, next_moment=baskets, newcomers=True)
    test = time_cut(past, cut_ms, next_moment=baskets, newcomers=True)
    return Split(train, _some(validation, 25_000), whole, _some(test, MOST_CASES))


def _cut(past: Histories, share: float) -> int:
    """The moment before which this share of the events lies; midnight where the past is long enough for that."""
    if not len(past):
        return 0
    at = int(past.times_ms[int(len(past) * share)])
    midnight = at // _DAY_MS * _DAY_MS
    return midnight if midnight - int(past.times_ms[0]) > 30 * _DAY_MS else at


def _some(cases: Cases, most: int) -> Cases:
    if len(cases) <= most:
        return cases
    return cases.take(np.sort(np.random.default_rng(0).permutation(len(cases))[:most]))


class Popularity:
    """What is popular lately, for everybody alike: the least that a model has to beat."""

    name = "popularity"

    def __init__(self, past: Histories, count: int) -> None:
        self._scores = popularity(past, count)

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        return np.repeat(self._scores[None], len(cases), axis=0)


class CoVisitation:
    """What goes with the shopper's past: what serves without a trained model."""

    name = "co-visitation"

    def __init__(self, past: Histories, count: int) -> None:
        bought = matrix_of(covisitation.bought(past, count), count)
        viewed = matrix_of(covisitation.viewed(past, count), count)
        self._matrix = bought + viewed

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        scored: Any = scores_of(self._matrix, cases.pasts, _FADING)
        return scored.toarray().astype(np.float32)


_FADING = 4.0  # as serving has it without a model, see `histories.FADING_STEPS`


def judge(
    candidate: Scorer,
    rivals: Sequence[Scorer],
    test: Cases,
    count: int,
    *,
    stack: str,
    again: bool,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Verdict:
    """Hold a `candidate`, the `stack` that validation chose, against `rivals`. `again`: known products may come."""
    evaluations: dict[str, Evaluation] = {}
    models = [*rivals, candidate]
    for number, scorer in enumerate(models):
        progress(number, len(models))
        evaluations[scorer.name] = evaluate(scorer, test, count, mask_known=not again)
    chosen = candidate.name
    comparisons = [compare(evaluations[chosen], evaluations[rival.name], seed=seed) for rival in rivals]
    figures = {name: _figures(evaluation) for name, evaluation in evaluations.items()}
    lost = [one for one in comparisons if not _holds(one)]
    return Verdict(not lost, stack, _reason(comparisons, lost), figures, [_plain(one) for one in comparisons])


def _holds(comparison: Comparison) -> bool:
    """Better than what everybody can have; not worse than what is live, which knows the same shop."""
    if comparison.b == "live":
        return comparison.difference >= -_SURE * comparison.standard_error
    return comparison.difference > _SURE * comparison.standard_error


def _reason(comparisons: list[Comparison], lost: list[Comparison]) -> str:
    parts = [f"{_percent(one)} than {_RIVALS.get(one.b, one.b)}" for one in lost or comparisons]
    found = f"of what shoppers took next, on events that no model was taught, it finds {' and '.join(parts)}."
    return f"It is not put live: {found}" if lost else found[0].upper() + found[1:]


_RIVALS = {"live": "the model that was live", "popularity": "popularity alone"}


def _percent(comparison: Comparison) -> str:
    if comparison.mean_b <= 0:
        return "more" if comparison.difference > 0 else "no more"
    change = comparison.difference / comparison.mean_b
    chance = ", which may be chance," if not _holds(comparison) and change >= 0 else ""
    return f"{abs(change) * 100:.0f} % {'more' if change >= 0 else 'less'}{chance}"


def _figures(evaluation: Evaluation) -> dict[str, float]:
    plain = {f"{name}@{evaluation.k}": round(value, 5) for name, value in evaluation.means.items()}
    return plain | {"coverage": round(evaluation.coverage, 4)}


def _plain(comparison: Comparison) -> dict[str, Any]:
    return {
        "against": comparison.b,
        "measure": f"{comparison.measure}@10",
        "difference": round(comparison.difference, 5),
        "low": round(comparison.low, 5),
        "high": round(comparison.high, 5),
        "probability": round(comparison.probability, 4),
    }
