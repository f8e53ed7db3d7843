"""Fits and judges one model in a process of its own, so that its memory and its threads are its own."""

import multiprocessing
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import ours, peers
from benchmarks.quality.splits import Split
from server.learning.cases import Cases
from server.learning.evaluation import Evaluation, Scorer, evaluate
from server.processes import describe_exit

OURS = "ours"
K = 10


class ModelError(RuntimeError):
    """A model could not be fitted or judged; the message says why."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How one model did in one test. `fit_s`: all of its learning; `peak_mb`: of its process, all in."""

    split: str
    test: str
    model: str
    seed: int
    events: int
    products: int
    evaluation: Evaluation
    fit_s: float
    peak_mb: float


def judge(split: Split, model: str, seed: int, progress: Callable[[str], None]) -> list[Judged]:
    """Fit a model, `OURS` or the name of a peer, and judge what came of it in every test of the split.

    Raises ModelError. `progress` is told what is being done.
    """
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_in_child, args=(theirs, split, model, seed), daemon=True)
    child.start()
    theirs.close()
    try:
        while isinstance(told := mine.recv(), str):
            progress(told)
    except EOFError:  # it died without a word
        child.join()
        raise ModelError(f"{model}: {describe_exit(child.exitcode or 0)}") from None
    finally:
        mine.close()
    child.join()
    if isinstance(told, ModelError):
        raise told
    return told


def _in_child(parent: Connection, split: Split, model: str, seed: int) -> None:
    try:
        parent.send(_judged(split, model, seed, parent.send))
    except Exception as error:  # whatever a library throws: the other models go on
        traceback.print_exc()
        parent.send(ModelError(f"{model}: {type(error).__name__}: {error}"))


def _judged(split: Split, model: str, seed: int, progress: Callable[[str], None]) -> list[Judged]:
    fit = ours.fit if model == OURS else peers.load(model)
    if model == OURS:
        ours.prepare(split.products)
    began = time.perf_counter()
    scorers = fit(split, seed)
    fit_s = time.perf_counter() - began
    events, products = len(split.whole), len(split.products)
    popularity = np.bincount(split.whole.rows, minlength=products)
    judged: list[Judged] = []
    for scorer in scorers:
        for test in split.tests:
            asked = scorer if test.among is None else _Among(scorer, test.among)
            found = evaluate(asked, test.cases, products, k=K, mask_known=test.mask_known, popularity=popularity)
            progress(f"{scorer.name} {test.name}".strip() + f": NDCG@{K} {found.means['ndcg']:.4f}, {fit_s:.0f} s")
            judged.append(Judged(split.name, test.name, scorer.name, seed, events, products, found, fit_s, _peak_mb()))
    return judged


class _Among:
    """A scorer of some products only."""

    def __init__(self, scorer: Scorer, among: NDArray[np.bool_]) -> None:
        self.name, self._scorer, self._among = scorer.name, scorer, among

    def scores(self, cases: Cases) -> NDArray[np.float32]:
        return np.where(self._among, self._scorer.scores(cases), -np.inf).astype(np.float32)


def _peak_mb() -> float:
    """The most memory this process ever held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would tell the parent's peak where that was higher: it survives exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
