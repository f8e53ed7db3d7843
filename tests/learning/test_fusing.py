"""Fused vectors: cosines add up, every product stays comparable, shops of any size work."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.learning.fusing import category_vectors, fuse, unit

KINDS = 6


def shop(count: int, seed: int = 0, width: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Text and image vectors of products of six kinds, and the kinds."""
    generator = np.random.default_rng(seed)
    kinds = np.arange(count) % KINDS
    sides = [
        unit(
            (generator.normal(size=(KINDS, width))[kinds] + 0.7 * generator.normal(size=(count, width)) + 3).astype(
                "f4"
            )
        )
        for _ in range(2)
    ]
    return sides[0], sides[1], kinds


def same_kind(vectors: np.ndarray, kinds: np.ndarray, asking: np.ndarray, k: int = 10) -> float:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -9)
    nearest = np.argsort(-cosines, axis=1)[:, :k]
    return float((kinds[nearest] == kinds[:, None])[asking].mean())


def test_vectors_are_of_unit_length_and_modest_width() -> None:
    text, image, _ = shop(400, width=700)
    whole = np.ones(400, dtype=bool)
    fused = fuse(text, whole, image, whole, category_vectors([[f"c{number % 100}"] for number in range(400)]))
    assert fused.dtype == np.float32
    assert fused.shape[1] <= 256
    assert np.allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-5)


def test_dot_product_is_the_mean_of_both_sides_cosines() -> None:
    text, image, _ = shop(200)
    whole, none = np.ones(200, dtype=bool), np.zeros(200, dtype=bool)
    both, text_only, image_only = (
        fuse(text, *has) for has in ((whole, image, whole), (whole, image, none), (none, image, whole))
    )
    assert np.allclose(both @ both.T, (text_only @ text_only.T + image_only @ image_only.T) / 2, atol=1e-4)


@pytest.mark.parametrize("lost", ["text", "image"])
def test_product_without_one_side_finds_its_kind_among_all(lost: str) -> None:
    text, image, kinds = shop(600)
    has, gaps = np.ones(600, dtype=bool), np.zeros(600, dtype=bool)
    gaps[::7] = True
    fused = fuse(text, has & ~gaps if lost == "text" else has, image, has & ~gaps if lost == "image" else has)
    assert np.allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-5)
    assert same_kind(fused, kinds, gaps) > 0.95
    assert same_kind(fused, kinds, ~gaps) > 0.95
    nearest = np.argsort(-(fused[~gaps] @ fused.T), axis=1)[:, :20]
    assert 0.05 < gaps[nearest].mean() < 0.25  # 1 in 7 lacks a side: these are neither left out nor pushed


def test_category_draws_alike_products_together() -> None:
    generator = np.random.default_rng(1)
    text = unit(generator.normal(size=(300, 64)).astype("f4"))
    kinds = np.arange(300) % 20
    whole, none = np.ones(300, dtype=bool), np.zeros(300, dtype=bool)
    paths = [[f"Shop > Hall {kind % 4} > Shelf {kind}"] for kind in kinds]
    plain, placed = fuse(text, whole, text, none), fuse(text, whole, text, none, category_vectors(paths))
    assert same_kind(plain, kinds, whole) < 0.1
    assert same_kind(placed, kinds, whole) > 0.8


def test_shop_where_everything_is_in_one_category_is_not_harmed() -> None:
    text, _, kinds = shop(300)
    whole, none = np.ones(300, dtype=bool), np.zeros(300, dtype=bool)
    fused = fuse(text, whole, text, none, category_vectors([["All"]] * 300))
    assert same_kind(fused, kinds, whole) > 0.95


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_any_shop_has_finite_vectors(count: int, seed: int, alike: bool, categories: bool) -> None:
    generator = np.random.default_rng(seed)
    text = unit(generator.normal(size=(1 if alike else count, 24)).astype("f4").repeat(count if alike else 1, axis=0))
    image = unit(generator.normal(size=(count, 16)).astype("f4"))
    text = text[:count]
    has_text, has_image = generator.random(count) < 0.7, generator.random(count) < 0.5
    paths = [["a > b"] if number % 3 else [] for number in range(count)]
    fused = fuse(text, has_text, image, has_image, category_vectors(paths) if categories else None)
    lengths = np.linalg.norm(fused, axis=1)
    assert np.isfinite(fused).all()
    described = has_text | has_image
    assert np.allclose(lengths[described], 1, atol=1e-4)
    assert np.allclose(lengths[~described], 0, atol=1e-6)
