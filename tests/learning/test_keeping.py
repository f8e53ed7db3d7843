"""A trained model as files: read as it was written, the same for the same training, and refused when it is damaged."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from server.learning import keeping
from server.learning.keeping import UnusableModel
from server.learning.pipeline import Trained
from server.serving import candidates
from server.serving.features import FEATURES, features
from server.serving.learned import Learned
from server.serving.tower import ShopperTower
from tests.learning.two_stages import COUNT, cut, facts_of, fitted

pytestmark = pytest.mark.slow
GROUPS = [f"group-{row}" for row in range(COUNT - 1)] + ["größe\ud800"]  # platforms send such things


@pytest.fixture(scope="module")
def model() -> tuple[Trained, Learned]:
    return fitted()


@pytest.fixture
def folder(model: tuple[Trained, Learned], tmp_path: Path) -> Path:
    trained, _ = model
    keeping.write(tmp_path, trained, facts_of(trained), GROUPS)
    return tmp_path


def test_model_comes_back_as_it_was(model: tuple[Trained, Learned], folder: Path) -> None:
    trained, learned = model
    kept = keeping.read(folder)
    assert (msgspec.structs.replace(kept.facts, files={}), kept.group_ids) == (facts_of(trained), GROUPS)
    assert set(kept.facts.files) == {path.name for path in folder.iterdir()} - {"model.json"}
    assert all(np.array_equal(*pair) for pair in zip(kept.discover, trained.solution.discover, strict=True))
    assert trained.towers is not None
    assert np.array_equal(kept.items, trained.towers.items)
    past = cut()[2].pasts[0]
    assert learned.tower is not None
    assert np.array_equal(
        ShopperTower(kept.weights).vector(past, kept.items), learned.tower.vector(past, learned.items)
    )
    pool = candidates.gather(learned, past, np.empty(0, dtype=np.int32), again=False)
    asked = features(learned, past, pool, 0)
    assert np.array_equal(kept.rankers[False].score(asked), learned.rankers[False].score(asked))


def test_same_data_and_seed_give_the_same_files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other, (trained, _) = tmp_path_factory.mktemp("model"), fitted()
    keeping.write(other, trained, facts_of(trained), GROUPS)
    assert keeping.fingerprint(other) == keeping.fingerprint(folder)


def test_fingerprint_tells_every_byte_and_name(folder: Path) -> None:
    before = keeping.fingerprint(folder)
    towers = folder / "towers.npy"
    towers.write_bytes(towers.read_bytes()[:-1] + b"\x7f")
    changed = keeping.fingerprint(folder)
    towers.rename(folder / "spires.npy")
    assert len({before, changed, keeping.fingerprint(folder)}) == 3


ARRAYS = [
    *(f"{name}.npy" for name in ("linear.starts", "linear.rows", "linear.scores", "towers", "tower")),
    *(f"ranker.{part}.npy" for part in ("thresholds", "masks", "masks", "leaves")),
    "tower.json",
]


@pytest.mark.parametrize("damage", ["missing", "empty", "half", "other", "one bit"])
@pytest.mark.parametrize("name", ARRAYS)
def test_damaged_file_is_told_and_never_half_read(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        flipped = whole[:-9] + bytes([whole[-9] ^ 64]) + whole[-8:]
        other = {"empty": b"", "half": whole[: len(whole) // 2], "other": b"\x00" * len(whole), "one bit": flipped}
        path.write_bytes(other[damage])
    with pytest.raises(UnusableModel, match=folder.name):
        keeping.read(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 90, b'{"format": 1}'])
def test_facts_that_cannot_be_read_are_told(folder: Path, content: bytes) -> None:
    (folder / "model.json").write_bytes(content)
    with pytest.raises(UnusableModel, match=folder.name):
        keeping.read(folder)


@pytest.mark.parametrize("number", [0, keeping.FORMAT + 1])
def test_other_format_is_refused_by_name(folder: Path, number: int) -> None:
    facts = msgspec.json.decode((folder / "model.json").read_bytes())
    (folder / "model.json").write_bytes(msgspec.json.encode(facts | {"format": number, "new": ["things"]}))
    with pytest.raises(UnusableModel, match=f"format {number}"):
        keeping.read(folder)


def test_reranker_of_other_features_is_left_out(folder: Path) -> None:
    facts = msgspec.json.decode((folder / "model.json").read_bytes())
    (folder / "model.json").write_bytes(msgspec.json.encode(facts | {"features": [*FEATURES, "weather"]}))
    kept = keeping.read(folder)
    assert kept.rankers == {}
    assert len(kept.discover.rows)


def test_folder_that_is_not_there_is_told(folder: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(UnusableModel):
        keeping.read(folder)
    folder.mkdir()
