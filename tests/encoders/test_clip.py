"""CLIP from a folder: a real checkpoint, tiny and random, through the real loading code."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.encoders.encoder import EncoderError, load
from server.settings import Settings
from tests.encoders.checkpoints import write_clip

pytestmark = pytest.mark.slow

IMAGES = [
    Image.new("RGB", (80, 40), "red"),
    Image.linear_gradient("L").convert("RGB"),
    Image.new("RGB", (3, 90), "blue"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip"))


def test_texts_and_images_share_one_space_of_unit_vectors(folder: Path) -> None:
    encoder = load("clip", Settings(clip=str(folder)))
    texts = encoder.encode_texts(["red shirt", "", "a very long description " * 50])
    images = encoder.encode_images(IMAGES)
    assert texts.shape == images.shape == (3, 24)
    assert encoder.dimensions == 24
    assert np.allclose(np.linalg.norm(np.vstack([texts, images]), axis=1), 1, atol=1e-5)


def test_vector_does_not_depend_on_the_batch(folder: Path) -> None:
    encoder = load("clip", Settings(clip=str(folder)))
    together, alone = encoder.encode_images(IMAGES * 10)[:3], [encoder.encode_images([image])[0] for image in IMAGES]
    assert np.allclose((together * np.array(alone)).sum(1), 1, atol=1e-3)


def test_name_changes_with_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other", side=64)
    names = {load("clip", Settings(clip=str(path))).name for path in (folder, folder, other)}
    assert len(names) == 2


def test_folder_without_a_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="VITRINA_CLIP"):
        load("clip", Settings(clip=str(tmp_path)))


def test_checkpoint_without_all_its_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "deeper")
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(config.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load("clip", Settings(clip=str(other)))


def test_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load("clip", Settings(clip=str(tmp_path)))
