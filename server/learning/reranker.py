"""C. The reranker: LambdaMART (Burges 2010) by LightGBM over the first stage's candidates, the second stage.

It learns from moments that the first stage has not seen, by the very features that serving computes. Shoppers are
split into folds: each fold is judged by trees that never met it, and serving averages all of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray

from server.learning.cases import Cases
from server.serving import candidates
from server.serving.features import FEATURES, features
from server.serving.learned import Learned

FOLDS = 3
FEWEST_GROUPS = 300  # cases with a hit among the candidates; below, trees learn noise (5.3 of the model's design)
_ROUNDS, _PATIENCE = 400, 30
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
    """The averaged trees, and each feature's share of what they gained."""

    boosters: Sequence[lightgbm.Booster]
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


def teach(taught: Taught, shoppers: NDArray[np.int32], seed: int, threads: int) -> tuple[Reranker, NDArray[np.float32]]:
    """Grow the trees; gives them, and the out-of-fold scores (m,) of all candidates.

    `shoppers` (c,): whose case it is; all cases of a shopper are in one fold.
    """
    case_of, hits = taught.cases, taught.hits
    generator = np.random.default_rng(seed)
    fold_of_shopper = generator.integers(0, FOLDS, int(shoppers.max(initial=0)) + 1)
    fold = fold_of_shopper[shoppers]  # (c,)
    scores = np.zeros(len(taught.labels), dtype=np.float32)
    boosters: list[lightgbm.Booster] = []
    for number in range(FOLDS):
        teaching, judging = hits & (fold != number), hits & (fold == number)
        parts = [_dataset(taught, chosen, case_of) for chosen in (teaching, judging)]
        booster = lightgbm.train(
            _PARAMETERS | {"seed": seed + number, "num_threads": threads},
            parts[0],
            _ROUNDS,
            valid_sets=[parts[1]],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
        boosters.append(booster)
        of_fold = (fold == number)[case_of]
        scores[of_fold] = np.asarray(booster.predict(taught.features[of_fold]))
    gains = np.sum([booster.feature_importance("gain") for booster in boosters], axis=0)
    importance = dict[str, float](zip(FEATURES, (gains / max(gains.sum(), 1e-9)).tolist(), strict=True))
    return Reranker(boosters, importance), scores


def _dataset(taught: Taught, chosen: NDArray[np.bool_], case_of: NDArray[np.intp]) -> lightgbm.Dataset:
    inside = chosen[case_of]
    return lightgbm.Dataset(
        taught.features[inside],
        taught.labels[inside],
        group=taught.sizes[chosen],
        feature_name=list(FEATURES),
        params={"max_bin": _PARAMETERS["max_bin"], "verbose": -1},
        free_raw_data=True,
    )
