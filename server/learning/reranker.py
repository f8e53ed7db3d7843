"""C. The reranker: LambdaMART (Burges 2010) by LightGBM over the first stage's candidates, the second stage.

It learns from moments that the first stage has not seen, by the very features that serving computes. Shoppers are
split into folds: each fold is judged by trees that never met it, and serving averages all of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from server.learning.cases import Cases
from server.serving import candidates
from server.serving.features import FEATURES, features
from server.serving.learned import Learned

FOLDS, FEWER_FOLDS = 5, 3
_MANY_GROUPS = 5_000  # from which two thirds of them teach as well as four fifths, and in half the time
_STEEPEST = 20.0  # per standard deviation of the base
FEWEST_GROUPS = 300  # cases with a hit among the candidates; below, trees learn noise (5.3 of the model's design)
_ROUNDS, _PATIENCE = 400, 30
_TILTS = np.arange(1, 11) / 50  # of the logarithm of popularity; scores spread by about 1
_MOST_LOST = 0.005  # of NDCG@10, for lists that show more of the catalog
_PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "lambdarank_truncation_level": 30,
    "metric": "ndcg",
    "eval_at": [10],
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


class Reranker(NamedTuple):
    """The averaged trees, the `slopes` (f,) of the features that they correct, and each feature's share of what the
    trees gained.
    """

    boosters: Sequence[lightgbm.Booster]
    slopes: NDArray[np.float32]
    importance: dict[str, float]


class Taught(NamedTuple):
    """Candidates of c cases, end to end: `features` (m, f), `labels` (m,) 0 or 1, `sizes` (c,)."""

    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    sizes: NDArray[np.int32]

    @property
    def cases(self) -> NDArray[np.intp]:
        """Whose candidate each is, (m,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def hits(self) -> NDArray[np.bool_]:
        """The cases with a target among their candidates, (c,): only these teach anything."""
        return np.bincount(self.cases, self.labels, len(self.sizes)) > 0

    def ndcg(self, scores: NDArray[np.float32], cases: Cases, k: int = 10) -> NDArray[np.float64]:
        """NDCG@k of each case with its candidates in the order of `scores` (m,), (c,)."""
        discounts = 1 / np.log2(np.arange(2, k + 2))
        found, start = np.zeros(len(cases)), 0
        for at, (size, targets) in enumerate(zip(self.sizes.tolist(), cases.targets, strict=True)):
            order = np.argsort(-scores[start : start + size], kind="stable")[:k]
            hits = self.labels[start : start + size][order]
            found[at] = float(discounts[: len(hits)] @ hits) / float(discounts[: min(k, len(targets))].sum())
            start += size
        return found


def look_up(
    learned: Learned, cases: Cases, *, again: bool, progress: Callable[[int, int], None] | None = None
) -> Taught:
    """The first stage's answer to each case, and which of its candidates came true."""
    matrices: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int8]] = []
    nothing = np.empty(0, dtype=np.int32)
    for at, (past, known, targets) in enumerate(zip(cases.pasts, cases.known, cases.targets, strict=True)):
        pool = candidates.gather(learned, past, nothing if again else known, again=again)
        matrices.append(features(learned, past, pool, int(cases.now_ms[at])))
        labels.append(np.isin(pool.rows, targets).astype(np.int8))
        if progress is not None and at % 256 == 0:
            progress(at, len(cases))
    sizes = np.array([len(one) for one in labels], dtype=np.int32)
    return Taught(
        np.concatenate([np.empty((0, len(FEATURES)), dtype=np.float32), *matrices]),
        np.concatenate([np.empty(0, dtype=np.int8), *labels]),
        sizes,
    )


def teach(
    taught: Taught, shoppers: NDArray[np.int32], base: str, seed: int, threads: int
) -> tuple[Reranker, NDArray[np.float32]]:
    """Grow the trees; gives them, and the out-of-fold scores (m,) of all candidates.

    `shoppers` (c,): whose case it is; all cases of a shopper are in one fold. `base`: the feature whose order the trees
    correct, so that few cases, which teach little, leave the first stage's order as it is.
    """
    slopes = np.where(np.array(FEATURES) == base, _slope(taught, base), 0).astype(np.float32)
    based: NDArray[np.float32] = taught.features @ slopes  # (m,)
    fold = fold_of(taught, shoppers, seed)  # (c,)
    grown = _grow(taught, based, fold, seed, threads)
    scores, of_candidate = based.copy(), fold[taught.cases]
    for number, booster in enumerate(grown.boosters):
        inside = of_candidate == number
        if inside.any():
            scores[inside] += np.asarray(booster.predict(taught.features[inside]))
    gains = np.sum([booster.feature_importance("gain") for booster in grown.boosters], axis=0)
    importance = dict[str, float](zip(FEATURES, (gains / max(gains.sum(), 1e-9)).tolist(), strict=True))
    return Reranker(grown.boosters, slopes, importance), scores


def widen(
    found: Reranker, taught: Taught, cases: Cases, scores: NDArray[np.float32]
) -> tuple[Reranker, NDArray[np.float32]]:
    """Tilt the order against what is popular as far as it costs nearly nothing; gives the same as `teach`.

    Trees trust popularity where little else is known, so that a part of the catalog is never shown. How far is chosen
    on cases that they have not met.
    """
    popularity = np.array(FEATURES) == "popularity"
    least = float(taught.ndcg(scores, cases).mean()) * (1 - _MOST_LOST)
    slopes, kept = found.slopes, scores
    for tilt in _TILTS.tolist():
        against = np.where(popularity, -tilt, 0).astype(np.float32)
        shift: NDArray[np.float32] = taught.features @ against
        tilted = scores + shift
        if taught.ndcg(tilted, cases).mean() < least:
            break
        slopes, kept = found.slopes + against, tilted
    return found._replace(slopes=slopes), kept


def fold_of(taught: Taught, shoppers: NDArray[np.int32], seed: int) -> NDArray[np.int64]:
    """Which trees do not meet each case, (c,)."""
    folds = FOLDS if taught.hits.sum() < _MANY_GROUPS else FEWER_FOLDS
    known, numbers = np.unique(shoppers, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(known)) % folds)[numbers]


def _slope(taught: Taught, base: str) -> float:
    """How steep the base is as the logarithm of a chance: the one that makes what was chosen most likely (conditional
    logit, McFadden 1974).
    """
    inside = taught.hits[taught.cases]
    sizes = taught.sizes[taught.hits]
    labels = taught.labels[inside].astype(np.float64)
    values = taught.features[inside, FEATURES.index(base)].astype(np.float64)
    values /= max(float(values.std()), 1e-9)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    chosen = np.add.reduceat(labels * values, starts) / np.add.reduceat(labels, starts)  # (h,)

    def surprise(slope: float) -> float:
        highest = np.maximum.reduceat(values, starts) * slope
        total = np.add.reduceat(np.exp(values * slope - np.repeat(highest, sizes)), starts)
        return float((highest + np.log(total) - slope * chosen).sum())

    found: Any = optimize.minimize_scalar(surprise, bounds=(0, _STEEPEST), method="bounded")
    return float(found.x) / max(float(taught.features[inside, FEATURES.index(base)].std()), 1e-9)


def _grow(
    taught: Taught, based: NDArray[np.float32], fold: NDArray[np.int64], seed: int, threads: int
) -> lightgbm.CVBooster:
    """A booster for each fold, taught by all others, of as many trees as are best for all folds together: each for
    itself would stop by the chance of its few cases.
    """
    teaching = taught.hits
    inside = teaching[taught.cases]
    dataset = lightgbm.Dataset(
        taught.features[inside],
        taught.labels[inside],
        group=taught.sizes[teaching],
        init_score=based[inside],
        feature_name=list(FEATURES),
        params={"max_bin": _PARAMETERS["max_bin"], "verbose": -1},
    )
    of_candidate = np.repeat(fold[teaching], taught.sizes[teaching])
    found: Any = lightgbm.cv(
        _PARAMETERS | {"seed": seed, "num_threads": threads},
        dataset,
        _ROUNDS,
        folds=[
            (np.flatnonzero(of_candidate != number), np.flatnonzero(of_candidate == number))
            for number in range(int(fold.max()) + 1)
        ],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        return_cvbooster=True,
    )
    return found["cvbooster"]
