"""A trained model as a folder of plain files, keyed by the products' group ids, so that it outlives catalog changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.learning import linear
from server.learning.pipeline import Trained, trees_of
from server.serving import arrays, texts, tower
from server.serving.features import FEATURES
from server.serving.learned import RANKERS, Asking
from server.serving.pairs import Lists
from server.serving.texts import Texts
from server.serving.trees import Trees

FORMAT = 2
_FACTS = "model.json"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder holds. `features`: the reranker's, by name: one that asks for others cannot be used; `files`:
    the checksum of each file.
    """

    format: int = FORMAT
    stack: str
    asking: Asking
    settings: linear.Settings
    features: tuple[str, ...] = FEATURES
    towers: bool = False
    rankers: tuple[bool, ...] = ()
    events: int = 0
    newest_event_ms: int = 0
    seed: int = 0
    files: dict[str, str] = {}


class UnusableModel(Exception):  # noqa: N818 - it is the model that is
    """The folder is damaged, or of a format or with features that this code does not know."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An opened trained model; rows are those of training, named by `group_ids`."""

    facts: Facts
    group_ids: list[str]
    discover: Lists
    again: Lists | None
    items: NDArray[np.float32]  # (n, d)
    weights: Mapping[str, NDArray[np.float32]]
    rankers: dict[bool, Trees]


def write(folder: Path, trained: Trained, facts: Facts, group_ids: list[str]) -> None:
    """Fill the folder."""
    texts.write(folder, "groups", (group_id.encode("utf-8", "surrogatepass") for group_id in group_ids))
    _write_lists(folder, "linear", trained.solution.discover)
    if trained.solution.again is not None:
        _write_lists(folder, "again", trained.solution.again)
    if trained.towers is not None:
        arrays.write(folder, "towers", trained.towers.items)
        tower.write(folder, trained.towers.weights)
    for again, found in trained.rerankers.items():
        trees_of(found).write(folder, RANKERS[again])
    files = {path.name: _checksum(path) for path in sorted(folder.iterdir()) if path.name != _FACTS}
    sealed = msgspec.structs.replace(facts, files=files)
    (folder / _FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1))


def read(folder: Path) -> Kept:
    """Open a trained model.

    Raises:
        UnusableModel: it cannot be used.

    """
    try:
        facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=Facts)
        if facts.format != FORMAT:
            raise UnusableModel(f"{folder.name} has format {facts.format}; this version reads {FORMAT}")
        for name, checksum in facts.files.items():
            if _checksum(folder / name) != checksum:
                raise UnusableModel(f"{folder.name} is damaged: {name} is not as it was written")
        groups = Texts(folder, "groups")
        count = len(arrays.read(folder, "linear.starts")) - 1
        usable = facts.features == FEATURES
        return Kept(
            facts=facts,
            group_ids=[groups[row].decode("utf-8", "surrogatepass") for row in range(count)],
            discover=_read_lists(folder, "linear"),
            again=_read_lists(folder, "again") if (folder / "again.starts.npy").exists() else None,
            items=arrays.read(folder, "towers") if facts.towers else np.zeros((count, 0), dtype=np.float32),
            weights=tower.read(folder) if facts.towers else {},
            # a reranker taught with other features is left out: the first stage serves until the next training
            rankers={again: Trees.read(folder, RANKERS[again]) for again in facts.rankers} if usable else {},
        )
    except (OSError, ValueError, EOFError, msgspec.MsgspecError) as error:
        raise UnusableModel(f"{folder.name} cannot be read: {error}") from error


def fingerprint(folder: Path) -> str:
    """A checksum over all files: two trainings that gave the same model have the same."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _write_lists(folder: Path, name: str, lists: Lists) -> None:
    for part, values in lists._asdict().items():
        arrays.write(folder, f"{name}.{part}", values)


def _read_lists(folder: Path, name: str) -> Lists:
    return Lists(*(arrays.read(folder, f"{name}.{part}") for part in Lists._fields))
