"""Visual descriptors: unit vectors that follow shape and colour, for any picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from server.encoders.visual import VisualEncoder

ENCODER = VisualEncoder()


def drawing(shape: str, colour: str, ground: str = "white", size: tuple[int, int] = (200, 260)) -> Image.Image:
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    box = (size[0] * 0.2, size[1] * 0.3, size[0] * 0.8, size[1] * 0.7)
    if shape == "shirt":
        draw.polygon([(60, 60), (140, 60), (190, 120), (160, 140), (140, 110), (140, 220), (60, 220), (60, 110), (40, 140), (10, 120)], fill=colour)  # fmt: skip  # noqa: E501
    elif shape == "ball":
        draw.ellipse(box, fill=colour)
    else:
        draw.line([(20, 20), (180, 240)], fill=colour, width=12)
    return image


def cosines(*images: Image.Image) -> np.ndarray:
    vectors = ENCODER.encode_images(images)
    return vectors @ vectors.T


def test_vectors_are_of_unit_length_and_the_same_every_time() -> None:
    vectors = ENCODER.encode_images([drawing("shirt", "red"), drawing("ball", "blue")])
    assert (vectors.shape, vectors.dtype) == ((2, ENCODER.dimensions), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors, ENCODER.encode_images([drawing("shirt", "red"), drawing("ball", "blue")]))


def test_shape_counts_more_than_colour_and_colour_counts() -> None:
    shirt, recoloured, other, pale = cosines(
        drawing("shirt", "red"), drawing("shirt", "navy"), drawing("ball", "red"), drawing("shirt", "tomato")
    )[0]
    assert shirt > pale > recoloured > other


def test_mirrored_thing_is_the_same_thing() -> None:
    image = drawing("line", "green")
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert cosines(image, mirrored)[0, 1] > 0.9 > cosines(image, drawing("ball", "green"))[0, 1]


def test_margin_around_the_thing_matters_little() -> None:
    image = drawing("shirt", "teal")
    wide = Image.new("RGB", (300, 400), "white")
    wide.paste(image, (50, 70))
    assert cosines(image, wide, drawing("ball", "teal"))[0, 1] > cosines(image, wide, drawing("ball", "teal"))[0, 2]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 300), st.integers(2, 300), st.integers(0, 2**32 - 1), st.sampled_from(["noise", "plain", "half"]))
def test_any_picture_has_a_vector(width: int, height: int, seed: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), generator.integers(0, 256), dtype=np.uint8)
    if kind == "noise":
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    elif kind == "half":
        pixels[: height // 2] = generator.integers(0, 256, 3)
    vector = ENCODER.encode_images([Image.fromarray(pixels)])[0]
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_it_reads_no_text() -> None:
    with pytest.raises(NotImplementedError):
        ENCODER.encode_texts(["shirt"])
