"""Models judged by what shoppers did next: every product of the catalog is ranked, none is sampled, and two models are
compared on the same cases, so that the luck of the draw falls on both alike.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.learning import metrics
from server.learning.cases import Cases
from server.learning.metrics import Measures

_CASES_AT_ONCE = 256  # 12,000 products make score batches of 12 MB
_SCORES_AT_ONCE = 16_000_000  # 64 MB, and a few copies: large catalogs are judged in smaller batches
_ROUNDS_AT_ONCE = 50  # bootstrap rounds drawn together: 22,000 cases make 9 MB


class Scorer(Protocol):
    """What can be evaluated: something that scores every product of the catalog for some cases."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """Scores of all products, (c, n): higher is better, -inf for what is no candidate. Sees pasts, not targets."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out for one scorer: each measure case by case, and how wide and how popular its lists are.

    `coverage`: share of the catalog in any list; `percentile`: mean popularity percentile of what is shown, NaN when
    no popularity was given; `seconds`: what scoring took, measuring left out.
    """

    name: str
    k: int
    measures: Measures
    coverage: float
    percentile: float
    seconds: float

    def __len__(self) -> int:
        return len(self.measures.hit)

    @property
    def means(self) -> dict[str, float]:
        """The mean of each measure over the cases, by its name in `Measures`; 0 when there is no case."""
        return {name: float(values.mean()) if len(values) else 0.0 for name, values in self.measures._asdict().items()}


def evaluate(
    scorer: Scorer,
    cases: Cases,
    count: int,
    *,
    k: int = 10,
    mask_known: bool = True,
    popularity: NDArray[np.generic] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Judge a scorer by lists of `k` out of all `count` products.

    `mask_known` leaves out what the shopper knew before, as "discover" placements do. `popularity` (count,): events of
    each product in training. `progress` is told the number of cases done and may raise to stop.
    """
    parts: list[Measures] = []
    shown: list[NDArray[np.int64]] = []
    seconds = 0.0
    at_once = min(_CASES_AT_ONCE, max(_SCORES_AT_ONCE // max(count, 1), 1))
    for start in range(0, len(cases), at_once):
        batch = cases.take(np.arange(start, min(start + at_once, len(cases)), dtype=np.intp))
        began = time.perf_counter()
        scores = scorer.scores(batch)
        seconds += time.perf_counter() - began
        if scores.shape != (len(batch), count):
            raise ValueError(f"{scorer.name} gave scores of shape {scores.shape}, not {(len(batch), count)}")
        if mask_known:
            scores = _masked(scores, batch)
        parts.append(metrics.measures(scores, batch.targets, k))
        shown.append(metrics.best(scores, k))
        if progress is not None:
            progress(start + len(batch))
    measures = Measures(*(np.concatenate([np.empty(0), *of]) for of in zip(*parts, strict=True)) if parts else _NONE)
    lists = np.concatenate(shown) if shown else np.empty((0, k), dtype=np.int64)  # (c, k)
    percentile = float("nan")
    if popularity is not None and (lists >= 0).any():
        percentile = float(metrics.percentiles(popularity)[lists[lists >= 0]].mean())
    return Evaluation(scorer.name, k, measures, metrics.coverage(lists, count), percentile, seconds)


_NONE = [np.empty(0)] * len(Measures._fields)


def _masked(scores: NDArray[np.float32], cases: Cases) -> NDArray[np.float32]:
    masked = scores.copy()  # a scorer may keep what it gave
    known = np.concatenate([np.empty(0, dtype=np.int32), *cases.known])
    masked[np.repeat(np.arange(len(cases)), [len(of) for of in cases.known]), known] = -np.inf
    return masked


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much better `a` is than `b` in one measure, over the same cases.

    `difference` is the mean of a less the mean of b; `low` and `high` bound it with 95 % confidence; `probability`:
    the share of resampled sets of cases in which a is better, where equals count half.
    """

    a: str
    b: str
    measure: str
    mean_a: float
    mean_b: float
    difference: float
    standard_error: float
    low: float
    high: float
    probability: float


def compare(a: Evaluation, b: Evaluation, measure: str = "ndcg", rounds: int = 2000, seed: int = 0) -> Comparison:
    """Compare two evaluations of the same cases by the paired bootstrap over cases.

    Cases are drawn with replacement `rounds` times and the two means compared in each (Efron & Tibshirani, "An
    Introduction to the Bootstrap", 1993; for rankings Sakai, SIGIR 2006). Raises ValueError when the two were not
    measured alike.
    """
    if len(a) != len(b) or a.k != b.k:
        raise ValueError(f"{a.name} ({len(a)} cases, k {a.k}) and {b.name} ({len(b)}, {b.k}) were not measured alike")
    of_a: NDArray[np.float64] = getattr(a.measures, measure)
    of_b: NDArray[np.float64] = getattr(b.measures, measure)
    differences = of_a - of_b  # (c,)
    if not len(differences):
        return Comparison(a.name, b.name, measure, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5)
    drawn = _resampled_means(differences, rounds, np.random.default_rng(seed))  # (rounds,)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Comparison(
        a.name,
        b.name,
        measure,
        mean_a=float(of_a.mean()),
        mean_b=float(of_b.mean()),
        difference=float(differences.mean()),
        standard_error=float(drawn.std()),
        low=float(low),
        high=float(high),
        probability=float((drawn > 0).mean() + (drawn == 0).mean() / 2),
    )


def _resampled_means(values: NDArray[np.float64], rounds: int, generator: np.random.Generator) -> NDArray[np.float64]:
    means = np.empty(rounds)
    for start in range(0, rounds, _ROUNDS_AT_ONCE):
        part = min(_ROUNDS_AT_ONCE, rounds - start)
        means[start : start + part] = values[generator.integers(0, len(values), (part, len(values)))].mean(axis=1)
    return means
