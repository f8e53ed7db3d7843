"""The trained models as evaluation asks them: by the very functions that serving calls."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.learning.cases import Cases
from server.learning.evaluation import Scorer
from server.learning.pipeline import Trained
from server.learning.tuning import matrix_of, scores_of
from server.serving import candidates
from server.serving.features import features
from server.serving.learned import Learned
from server.serving.pairs import Lists

_NOTHING = np.empty(0, dtype=np.int32)


def scorers(trained: Trained, learned: Learned) -> Iterator[Scorer]:
    """Every model of a training, the smallest first."""
    count = len(learned.category)
    yield Linear("linear", trained.solution.discover, count, trained.asking.fading)
    if trained.solution.again is not None:
        yield Linear("linear again", trained.solution.again, count, trained.asking.fading)
    if learned.tower is not None:
        yield Towers(learned)
    for again in learned.rankers:
        yield TwoStage(learned, again=again)


def best_of(trained: Trained, learned: Learned) -> Scorer:
    """The model that would serve: the reranker of what this shop asks for where there is one, else the linear model."""
    again = trained.asking.again
    if again in learned.rankers:
        return TwoStage(learned, again=again)
    lists = trained.solution.again if again and trained.solution.again is not None else trained.solution.discover
    return Linear("linear", lists, len(learned.category), trained.asking.fading)


class Renamed:
    """A scorer under another name."""

    def __init__(self, name: str, scorer: Scorer) -> None:
        self.name, self._scorer = name, scorer

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        return self._scorer.scores(cases)


class Linear:
    """The linear model alone."""

    def __init__(self, name: str, lists: Lists, count: int, fading: float) -> None:
        self.name = name
        self._matrix, self._fading = matrix_of(lists, count), fading

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n)."""
        scored: Any = scores_of(self._matrix, cases.pasts, self._fading)
        return scored.toarray().astype(np.float32)


class Towers:
    """The two towers alone."""

    name = "two-tower"

    def __init__(self, learned: Learned) -> None:
        self._learned = learned

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n) cosines."""
        learned = self._learned
        assert learned.tower is not None
        vectors = np.stack([learned.tower.vector(past, learned.items) for past in cases.pasts])  # (c, d)
        return vectors @ learned.items.T


class TwoStage:
    """Both stages: what the first one finds, in the reranker's order; nothing else is a candidate."""

    def __init__(self, learned: Learned, *, again: bool) -> None:
        self.name = "two-stage again" if again else "two-stage"
        self._learned, self._again = learned, again

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        """(c, n), -inf for what is no candidate."""
        learned = self._learned
        scores = np.full((len(cases), len(learned.category)), -np.inf, dtype=np.float32)
        for at, (past, known) in enumerate(zip(cases.pasts, cases.known, strict=True)):
            pool = candidates.gather(learned, past, _NOTHING if self._again else known, again=self._again)
            matrix = features(learned, past, pool, int(cases.now_ms[at]))
            scores[at, pool.rows] = learned.rankers[self._again].score(matrix)
        return scores
