"""The stages that a shop goes through, from events to answers, each timed and its memory measured."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.repeating import Catalog
from server.events.histories import Past, past_at
from server.learning import (
    applying,
    choices,
    covisitation,
    index,
    keeping,
    kernel,
    large,
    linear,
    tower_training,
    two_tower,
)
from server.learning.cases import by_shopper
from server.learning.pipeline import LINEAR, Trained
from server.serving import candidates, learned, pairs
from server.serving.features import features
from server.serving.learned import Asking, Learned, LearnedFacts

_REQUESTS = 1_000
_WARM_UP = 50  # requests that only bring pages into memory
_SETTINGS = linear.Settings(behaviour=0.5, text=3.0, ridge=30.0, fading=2.0)  # those that basket shops begin with


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: seconds of processor time, which on one idle core is how long it takes, and the most memory that the
    process held in it.
    """

    name: str
    seconds: float
    peak_mb: float


@dataclass(slots=True)
class Measured:
    """What one catalog costs. Milliseconds, of processor time too, are one request's candidates and features."""

    products: int
    events: int
    without_events: int
    stages: list[Stage] = field(default_factory=list[Stage])
    index: str = ""
    recall: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def measure(catalog: Catalog, tell: Callable[[str], None]) -> Measured:
    """Learn the catalog as a training does, write it as a snapshot does, and answer requests from it."""
    count, past = len(catalog), catalog.past
    measured = Measured(count, len(past), count - len(np.unique(past.rows)))

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        _forget_peak()
        began = time.process_time()
        yield
        measured.stages.append(Stage(name, round(time.process_time() - began, 2), round(_peak_mb())))
        tell(f"{name}: {measured.stages[-1].seconds:.1f} s, {measured.stages[-1].peak_mb:,.0f} MB")

    with stage("words"):
        terms = kernel.term_weights(catalog.texts)
    with stage("statistics"):
        choices.of_histories(past, count, _SETTINGS.fading_taught)
    with stage("linear"):
        solution = large.solve(past, terms, _SETTINGS)
    del terms
    with stage("towers"):
        towers = tower_training.train(past, catalog.content, two_tower.Settings())
    trained = Trained(Asking(fading=_SETTINGS.fading), _SETTINGS, solution, towers, {}, {})
    names = [str(row) for row in range(count)]
    with tempfile.TemporaryDirectory(prefix="vitrina-scale-") as root:
        model, snapshot = Path(root) / "model", Path(root) / "snapshot"
        model.mkdir()
        snapshot.mkdir()
        with stage("index"):
            index.build(snapshot, towers.items, name=learned.TOWERS_INDEX, filtered=False)
        facts = keeping.Facts(stack=LINEAR, asking=trained.asking, settings=_SETTINGS, towers=True)
        keeping.write(model, trained, facts, names)
        del trained, solution, towers
        with stage("co-visitation"):
            pairs.write(snapshot, "bought", covisitation.bought(past, count))
        with stage("snapshot"):
            applying.apply(snapshot, model, names, catalog.texts, catalog.content, past)
        found = msgspec.json.decode((snapshot / learned.FACTS).read_bytes(), type=LearnedFacts).towers
        measured.index, measured.recall = (found.kind, found.recall) if found else ("", 0.0)
        with stage("serving"):
            times = _ask(_opened(snapshot, count), catalog)
    measured.p50_ms, measured.p99_ms = (round(float(np.quantile(times, at)), 3) for at in (0.5, 0.99))
    tell(f"a request's candidates and features: p50 {measured.p50_ms} ms, p99 {measured.p99_ms} ms")
    return measured


def _opened(snapshot: Path, count: int) -> Learned:
    nothing = np.full(count, -1, dtype=np.int32)
    found = Learned.read(
        snapshot,
        bought=pairs.Pairs.read(snapshot, "bought"),
        category=nothing,
        brand=nothing,
        price=np.full(count, np.nan, dtype=np.float32),
        of_category=([0], np.empty(0, dtype=np.int32)),
    )
    assert found is not None
    return found


def _ask(model: Learned, catalog: Catalog) -> NDArray[np.float64]:
    """Milliseconds of each request, of shoppers drawn by chance."""
    pasts = _some_pasts(catalog)
    now_ms = catalog.past.newest_ms
    nothing = np.empty(0, dtype=np.int32)
    times: list[float] = []
    for number in range(_WARM_UP + _REQUESTS):
        past = pasts[number % len(pasts)]
        began = time.thread_time()
        features(model, past, candidates.gather(model, past, nothing, again=False), now_ms)
        times.append((time.thread_time() - began) * 1000)
    return np.array(times[_WARM_UP:])


def _some_pasts(catalog: Catalog) -> list[Past]:
    everyone = [positions for _, positions in by_shopper(catalog.past)]
    chosen = np.random.default_rng(0).permutation(len(everyone))[: _WARM_UP + _REQUESTS]
    return [past_at(catalog.past, everyone[at]) for at in chosen.tolist()]


def _forget_peak() -> None:
    """Let the kernel count the peak of this process's memory anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6
