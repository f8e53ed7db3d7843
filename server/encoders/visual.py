"""`visual`: how a product looks, without any weights: shape (HOG), colour (Lab) and texture (LBP) by scikit-image.

Product photographs mostly show the thing on a plain ground. So the ground is found by the colour of the border, and
shape is described twice: of the thing cut out and centred, and of the picture as taken (how it is worn or held). Where
skin shows tells sleeves and trouser legs apart. Left and right are made alike: a model may turn either way.
The blocks' weights were chosen on a fashion catalog, see docs/encoders.md; no part of this is fitted to a shop.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab
from skimage.feature import hog, local_binary_pattern

from server.encoders.encoder import Vectors
from server.settings import Settings

Array = NDArray[np.floating[Any]]

DIMENSIONS = 768  # a fixed random projection of the 1,741 numbers; 512 finds 1 % fewer of the same kind, all 0.5 % more
_SIDE = 144  # pixels of the longer side that colours and the ground are read from
_SQUARE = 64  # pixels of the squares that shape is read from: 8 x 8 cells of 8 x 8 pixels
_ORIENTATIONS = 8
_GROUND_DISTANCE = 8.0  # CIELAB distance from the border's colour at which the thing begins; JPEG noise stays below 5
_LEAST_THING = 0.02  # share of the picture; less than this is no thing, and the whole picture is described
_AB = 60.0  # a and b of CIELAB rarely leave -60 … 60 in photographs
_WHITE = (100.0, 0.0, 0.0)  # L, a, b
_LAB_SCALE = np.array([100, _AB, _AB], dtype=np.float32)
_COLOUR_BINS = np.array([4, 6, 6])
_SKIN = (108.0, 153.0)  # Cb, Cr of skin: they differ little between people, whose lightness does
_SKIN_SPREAD = (10.0, 9.0)
_WEIGHTS = {
    "cut_out": 1.0,
    "as_taken": 1.0,
    "layout": 0.25,
    "colour": 0.15,
    "texture": 0.4,
    "outline": 0.3,
    "skin": 0.2,
}


class VisualEncoder:
    """Describes pictures. It has no text side."""

    name = "visual-1"
    dimensions = DIMENSIONS

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """The vectors of RGB pictures, (n, 768) float32, unit norm."""
        vectors = np.empty((len(images), DIMENSIONS), dtype=np.float32)
        for number, image in enumerate(images):
            described = _describe(image)  # (1741,)
            vectors[number] = _unit(described @ _projection(len(described)))
        return vectors

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Not possible."""
        raise NotImplementedError("the visual encoder reads pictures only")


def create(_settings: Settings) -> VisualEncoder:
    """The encoder; there is nothing to load."""
    return VisualEncoder()


def _describe(image: Image.Image) -> Array:
    """All blocks of one picture side by side, each of its own length (the square root of its weight)."""
    image = image.convert("RGB")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    rgb = np.asarray(image)  # (h, w, 3)
    lab = rgb2lab(rgb).astype(np.float32)  # (h, w, 3)
    thing = _thing(lab)
    rows, columns = np.flatnonzero(thing.any(1)), np.flatnonzero(thing.any(0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    cut, inside = lab[window], thing[window]
    square = np.dstack([_square(np.where(inside, cut[..., c], _WHITE[c]), _WHITE[c]) for c in range(3)])  # (64, 64, 3)
    stencil = _square(inside.astype(np.float32), 0.0) > 0.5
    grey = np.asarray(image.convert("L").resize((_SQUARE, _SQUARE), Image.Resampling.BOX), dtype=np.float32) / 255
    blocks = {
        "cut_out": np.sqrt(_shape(square / _LAB_SCALE)),
        "as_taken": np.sqrt(_shape(grey[..., None])),
        "layout": _layout(square),
        "colour": np.sqrt(_colours(cut, inside)),
        "texture": np.sqrt(_texture(square[..., 0], stencil)),
        "outline": _outline(thing, inside),
        "skin": _skin(rgb[window], inside),
    }
    return np.concatenate([np.sqrt(weight) * _unit(blocks[name]) for name, weight in _WEIGHTS.items()])


def _thing(lab: Array) -> NDArray[np.bool_]:
    """Where the picture is not its ground, (h, w). The lower border is left out: people stand on it."""
    border = np.concatenate([lab[:3].reshape(-1, 3), lab[:, :3].reshape(-1, 3), lab[:, -3:].reshape(-1, 3)])
    distance = np.linalg.norm(lab - np.median(border, axis=0), axis=2)
    thing = distance > _GROUND_DISTANCE
    return thing if thing.mean() >= _LEAST_THING else np.ones_like(thing)


def _square(channel: Array, fill: float) -> Array:
    """A channel centred in a square filled with `fill`, (64, 64)."""
    height, width = channel.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((side, side), fill, dtype=np.float32)
    square[top : top + height, left : left + width] = channel
    return np.asarray(Image.fromarray(square).resize((_SQUARE, _SQUARE), Image.Resampling.BOX), dtype=np.float32)


def _shape(picture: Array) -> Array:
    """Histograms of oriented gradients, (512,): 8 x 8 cells of 8 orientations, each cell the mean of its
    normalisations by the up to four blocks it is part of (Felzenszwalb et al. 2010), which costs a quarter of the
    usual length and no quality.
    """
    size = _SQUARE // 8
    blocks = hog(
        picture,
        orientations=_ORIENTATIONS,
        pixels_per_cell=(8, 8),
        cells_per_block=(2, 2),
        feature_vector=False,
        channel_axis=2,
    )  # (7, 7, 2, 2, 8)
    cells = np.zeros((size, size, _ORIENTATIONS), dtype=np.float32)
    parts = np.zeros((size, size, 1), dtype=np.float32)
    for row in (0, 1):
        for column in (0, 1):
            here = (slice(row, row + size - 1), slice(column, column + size - 1))
            cells[here] += blocks[:, :, row, column]
            parts[here] += 1
    cells /= parts
    return ((cells + cells[:, ::-1, ::-1]) / 2).ravel()  # a mirrored picture has mirrored cells and orientations


def _layout(square: Array) -> Array:
    """The mean colour of 8 x 8 fields of the cut-out thing, (192,)."""
    fields = square.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))  # (8, 8, 3)
    return ((fields + fields[:, ::-1]) / 2 / _LAB_SCALE).ravel()


def _colours(cut: Array, inside: NDArray[np.bool_]) -> Array:
    """Colour histograms of the thing's upper, middle and lower third, 4 x 6 x 6 bins of L, a, b each, (432,)."""
    scaled = (cut / _LAB_SCALE + np.array([0, 1, 1])) / np.array([1, 2, 2]) * _COLOUR_BINS
    index = np.clip(scaled.astype(np.int64), 0, _COLOUR_BINS - 1) @ np.array([36, 6, 1])  # (h, w)
    thirds = zip(np.array_split(index, 3), np.array_split(inside, 3), strict=True)
    return np.concatenate([np.bincount(part[mask], minlength=144) / max(1, mask.sum()) for part, mask in thirds])


def _texture(lightness: Array, stencil: NDArray[np.bool_]) -> Array:
    """Histograms of local binary patterns at one and three pixels, inside the thing, (20,)."""
    grey = lightness.clip(0, 100).astype(np.uint8)
    patterns = [local_binary_pattern(grey, 8, radius, "uniform")[stencil].astype(np.int64) for radius in (1, 3)]
    return np.concatenate([np.bincount(found, minlength=10) for found in patterns]) / max(1, stencil.sum())


def _outline(thing: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Array:
    """Proportions of the thing, its share of the picture, and how much it touches each border, (9,)."""
    height, width = inside.shape
    side = max(height, width)
    touches = [edge.mean() for edge in (thing[:2], thing[-2:], thing[:, :2], thing[:, -2:])]
    return np.array([width / side, height / side, inside.mean(), thing.mean(), side / max(thing.shape), *touches])


def _skin(cut: NDArray[np.uint8], inside: NDArray[np.bool_]) -> Array:
    """How much of 8 x 8 fields of the thing has the colour of skin, (64,)."""
    red, green, blue = np.moveaxis(cut.astype(np.float32), 2, 0)
    cb = 128 - 0.168736 * red - 0.331264 * green + 0.5 * blue
    cr = 128 + 0.5 * red - 0.418688 * green - 0.081312 * blue
    distance = ((cb - _SKIN[0]) / _SKIN_SPREAD[0]) ** 2 + ((cr - _SKIN[1]) / _SKIN_SPREAD[1]) ** 2
    fields = _square(np.exp(-distance / 2) * inside, 0.0).reshape(8, 8, 8, 8).mean(axis=(1, 3))
    return ((fields + fields[:, ::-1]) / 2).ravel()


def _unit(block: Array) -> Array:
    return block.astype(np.float32) / max(float(np.linalg.norm(block)), 1e-6)


@cache
def _projection(width: int) -> Array:
    """A fixed orthonormal projection, (width, 768): cosines survive it to about ±0.03 (Johnson, Lindenstrauss)."""
    # PCG64's raw bits are stable across numpy's versions; the Gaussian sampler on top is not promised to be
    bits = np.random.PCG64(20240607).random_raw(width * DIMENSIONS).astype(np.uint64)
    signs = ((bits >> np.uint64(63)).astype(np.float32) * 2 - 1).reshape(width, DIMENSIONS)
    return np.linalg.qr(signs)[0].astype(np.float32)
