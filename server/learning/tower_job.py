"""What a training of the two towers is given and what it gives, as files that processes on several machines share."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories, Past
from server.learning.cases import Cases
from server.learning.two_tower import Settings, TwoTower
from server.serving import arrays, tower

_HISTORIES = ("rows", "shoppers", "visits", "baskets", "weights", "times_ms")
_PAST = ("rows", "moments", "weights", "bought", "times_ms")
_SETTINGS, _FACTS, _VALIDATION = "settings.json", "towers.json", "validation"


class Job(NamedTuple):
    """All that `tower_training.train` asks for. `content` (n, t) is mapped from its file, not read."""

    histories: Histories
    content: NDArray[np.floating]
    settings: Settings
    validation: Cases | None


class _Facts(msgspec.Struct, frozen=True):
    temperature: float
    quality: float


def write(folder: Path, job: Job) -> None:
    """Write a job into an empty folder."""
    (folder / _SETTINGS).write_bytes(msgspec.json.encode(job.settings))
    for name in _HISTORIES:
        arrays.write(folder, f"event_{name}", getattr(job.histories, name))
    arrays.write(folder, "content", job.content)
    if job.validation is not None:
        (folder / _VALIDATION).mkdir()
        _write_cases(folder / _VALIDATION, job.validation)


def read(folder: Path) -> Job:
    """Read what `write` wrote."""
    return Job(
        Histories(*(arrays.read(folder, f"event_{name}") for name in _HISTORIES)),
        arrays.read(folder, "content"),
        msgspec.json.decode((folder / _SETTINGS).read_bytes(), type=Settings),
        _read_cases(folder / _VALIDATION) if (folder / _VALIDATION).exists() else None,
    )


def write_towers(folder: Path, towers: TwoTower) -> None:
    """Write trained towers into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays.write(folder, "items", towers.items)
    tower.write(folder, towers.weights)
    (folder / _FACTS).write_bytes(msgspec.json.encode(_Facts(towers.temperature, towers.quality)))


def read_towers(folder: Path) -> TwoTower:
    """Read trained towers into memory, so that the folder may go."""
    facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=_Facts)
    weights = {name: np.array(values) for name, values in tower.read(folder).items()}
    items = np.array(arrays.read(folder, "items"))
    return TwoTower(items, weights, facts.temperature, facts.quality)


def _write_cases(folder: Path, cases: Cases) -> None:
    for name in _PAST:
        _write_lists(folder, f"past_{name}", [getattr(past, name) for past in cases.pasts])
    _write_lists(folder, "known", cases.known)
    _write_lists(folder, "targets", cases.targets)
    arrays.write(folder, "now_ms", cases.now_ms)
    arrays.write(folder, "shoppers", cases.shoppers)


def _read_cases(folder: Path) -> Cases:
    parts = [_read_lists(folder, f"past_{name}") for name in _PAST]
    return Cases(
        pasts=[Past(*of_one) for of_one in zip(*parts, strict=True)],
        known=_read_lists(folder, "known"),
        targets=_read_lists(folder, "targets"),
        now_ms=arrays.read(folder, "now_ms"),
        shoppers=arrays.read(folder, "shoppers"),
    )


def _write_lists(folder: Path, name: str, lists: Sequence[np.ndarray]) -> None:
    """Write arrays of several lengths end to end, and where each stops."""
    arrays.write(folder, f"{name}_stops", np.cumsum([len(values) for values in lists], dtype=np.int64))
    arrays.write(folder, name, np.concatenate(lists) if lists else np.empty(0, dtype=np.int32))


def _read_lists(folder: Path, name: str) -> list[np.ndarray]:
    stops = arrays.read(folder, f"{name}_stops")
    return np.split(arrays.read(folder, name), stops[:-1]) if len(stops) else []
