"""From a text's vector to the space of a shop's products."""

from pathlib import Path

import numpy as np

from server.learning import asking
from server.learning.fusing import fuse
from server.serving import arrays


def test_text_leads_to_the_products_that_are_described_so(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    kinds = random.normal(size=(8, 64)).astype(np.float32)  # what text says of each kind of product
    looks = random.normal(size=(8, 48)).astype(np.float32)
    kind = np.arange(400) % 8
    text = (kinds[kind] + 0.3 * random.normal(size=(400, 64))).astype(np.float32)
    image = (looks[kind] + 0.3 * random.normal(size=(400, 48))).astype(np.float32)
    has_text, has_image = random.random(400) < 0.9, random.random(400) < 0.9
    fused = fuse(text, has_text, image, has_image)

    assert asking.write(tmp_path, text, has_text, fused)
    centre, way = arrays.read(tmp_path, "asking_centre"), arrays.read(tmp_path, "asking")
    expected = (kinds + 0.3 * random.normal(size=(8, 64)) - centre) @ way  # (8, d): unseen texts, one of each kind
    nearest = np.argsort(-(expected @ fused.T), axis=1)[:, :20]
    known = (has_text | has_image)[nearest]
    assert np.mean((kind[nearest] == np.arange(8)[:, None])[known]) > 0.95


def test_nothing_is_written_where_nothing_is_known(tmp_path: Path) -> None:
    nothing = np.zeros((3, 0), dtype=np.float32)
    assert not asking.write(tmp_path, nothing, np.zeros(3, dtype=np.bool_), nothing)
    assert list(tmp_path.iterdir()) == []


def test_one_product_is_enough(tmp_path: Path) -> None:
    vector = np.ones((1, 4), dtype=np.float32) / 2
    assert asking.write(tmp_path, vector, np.ones(1, dtype=np.bool_), vector)
    assert np.isfinite(arrays.read(tmp_path, "asking")).all()
