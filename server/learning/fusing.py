"""Text and image vectors of a shop's products, fused into one unit vector each: numpy alone, a second for 20,000.

Per side: subtract the shop's mean (what all its products share says nothing), rotate to the main directions and flatten
their variance a little, cut to 96 numbers, unit norm. Side by side, each scaled by the square root of its weight, a dot
product of two fused vectors is the weighted sum of their cosines. Category paths are a part of the text that an encoder
of sentences reads too softly, so they are a side of their own within it.
"""

from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

DIMENSIONS = 96  # per side; 64 to 128 are alike within noise
_TEXT_WEIGHT = 0.5  # 0.3 finds 2 to 3 % less of the same kind, 0.7 1 % less
_FLATTENING = 0.7  # exponent of the singular values: 1 is plain PCA, 0 whitening, which drowns small shops in noise
_DOUBT = 20.0  # the mean of a shop with as many products is believed by half
_FITTED_ON = 5_000  # products; more do not change the directions
_RIDGE = 0.3  # of the mean variance, when one modality is guessed from the other
_LEAST_BOTH = 30  # products with text and image, to guess one from the other
_CATEGORY_WEIGHT = 0.3  # of the text; from 0 to 0.3 nothing is lost where people buy across categories
_CATEGORY_DIMENSIONS = 64
_CATEGORY_SLOTS = 512  # categories share one by chance; a shop has tens to hundreds
# Chosen on a fashion catalog by the share of neighbours of the same kind, see docs/encoders.md.


def fuse(text: Vectors, has_text: Mask, image: Vectors, has_image: Mask, categories: Vectors | None = None) -> Vectors:
    """One unit vector per product, (n, d) float32, d <= 256; zeros where a product has neither text nor image.

    `text` (n, dt) and `image` (n, di) hold anything in rows whose mask is False, `categories` (n, dc) zeros for a
    product in none. A product that lacks one side gets what its other one lets expect, so that all stay comparable.
    """
    if not has_text.any() and not has_image.any():
        return np.zeros((len(text), 0), dtype=np.float32)
    sides: list[tuple[Vectors, float]] = []
    if has_text.any():
        text = _side(text, has_text, DIMENSIONS)
        if categories is not None and (is_placed := has_text & categories.any(axis=1)).any():
            placed = _side(categories, is_placed, _CATEGORY_DIMENSIONS)
            text = unit(np.hstack([(1 - _CATEGORY_WEIGHT) ** 0.5 * text, _CATEGORY_WEIGHT**0.5 * placed]))
        sides.append((text, _TEXT_WEIGHT))
    if has_image.any():
        image = _side(image, has_image, DIMENSIONS)
        sides.append((image, 1 - _TEXT_WEIGHT))
    if len(sides) == 2:
        sides = [
            (_filled(text, has_text, image, has_image), _TEXT_WEIGHT),
            (_filled(image, has_image, text, has_text), 1 - _TEXT_WEIGHT),
        ]
    return unit(np.hstack([weight**0.5 * side for side, weight in sides]))


def shortened(vectors: Vectors, mask: Mask) -> Vectors:
    """The same in its main directions, (n, d) float32, d <= 96, unit rows, zeros where the mask is False: cosines stay
    about what they are, in an eighth of the memory.
    """
    found = np.zeros((len(vectors), min(vectors.shape[1], DIMENSIONS)), dtype=np.float32)
    if mask.any():
        sample = vectors[mask][:: -(-int(mask.sum()) // _FITTED_ON)]
        _, directions = np.linalg.eigh(sample.T @ sample)  # ascending
        found[mask] = unit(vectors[mask] @ directions[:, -found.shape[1] :])
    return found


def category_vectors(paths: Sequence[Sequence[str]]) -> Vectors:
    """Where products stand in the shop's tree of categories, (n, 512) float32: one slot per category and each of its
    parents, heavier the fewer products it holds; zeros for a product in none.
    """
    steps = [{step for path in of_product for step in _steps(path)} for of_product in paths]
    counts = Counter(step for of_product in steps for step in of_product)
    vectors = np.zeros((len(paths), _CATEGORY_SLOTS), dtype=np.float32)
    for row, of_product in enumerate(steps):
        for step in of_product:
            vectors[row, crc32(step.encode()) % _CATEGORY_SLOTS] += np.log(len(paths) / counts[step])
    return unit(vectors)


def _steps(path: str) -> list[str]:
    names = [name.strip() for name in path.casefold().split(">")]
    return [">".join(names[: depth + 1]) for depth in range(len(names))]


def _side(vectors: Vectors, mask: Mask, dimensions: int) -> Vectors:
    """One side, centred and turned: unit rows of at most `dimensions` numbers, zeros where the mask is False."""
    known = vectors[mask]
    count = len(known)
    centre = known.mean(axis=0) * (count / (count + _DOUBT))
    centred = (known - centre).astype(np.float32)  # (k, d)
    sample = centred[:: -(-count // _FITTED_ON)]
    spread, directions = np.linalg.eigh(sample.T @ sample / len(sample))  # ascending
    kept = np.flatnonzero(spread > spread[-1] * 1e-6)[-dimensions:]
    stretch = (np.sqrt(spread[kept]) ** (_FLATTENING - 1)).astype(np.float32)
    turned = np.zeros((len(vectors), len(kept)), dtype=np.float32)
    turned[mask] = unit(centred @ (directions[:, kept] * stretch))
    return turned


def _filled(side: Vectors, mask: Mask, other: Vectors, other_mask: Mask) -> Vectors:
    """`side` with its gaps guessed from the other side, by ridge regression over the products that have both.

    A guess is what is common to many, shorter than a real vector. Stretched to full length it would be near to everyone
    and crowd the lists (58 % of the neighbours where 14 % had gaps); so the rest of its length points anywhere.
    """
    both, gaps = mask & other_mask, ~mask & other_mask
    if not gaps.any() or both.sum() < _LEAST_BOTH:
        return side
    known, wanted = other[both], side[both]  # (b, do), (b, ds)
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += _RIDGE * len(known) / known.shape[1]
    filled = side.copy()
    guesses = (other[gaps] @ np.linalg.solve(gram, known.T @ wanted)).astype(np.float32)  # (g, ds)
    anywhere = unit(np.random.default_rng(0).normal(size=guesses.shape).astype(np.float32))
    known_part = np.minimum(np.square(guesses).sum(axis=1, keepdims=True), 1)
    filled[gaps] = unit(guesses + np.sqrt(1 - known_part) * anywhere)
    return filled


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32, copy=False)
