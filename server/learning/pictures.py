"""How alike the pictures of products are: the image kernel of the linear model, beside that of their words.

Vectors of pictures are dense, so their cosines are cut at zero and sharpened: plain ones are too flat to tell a shop's
products apart. A picture that two products share says 1, products without one say nothing of each other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from server.learning import index
from server.learning.shortlists import Shortlists
from server.serving.pairs import Lists

WEIGHT = (
    1.0  # of the kernel, where a shop's own cases do not choose it; of 1 and 3 the one that says less, wrong or right
)
_POWER = 8
_LEAST = 1e-3  # of a sharpened cosine: below it no list of a shop changes
_ENOUGH = 0.5  # of the products have a picture: the kernel then says something of most pairs
_EXACT_UP_TO = 50_000  # products; beyond, an index is asked (its recall is measured when it is built)
_ROWS_AT_ONCE = 128  # of 50,000 likenesses each, most of them above the least: 100 MB


def are_enough(images: NDArray[np.float32]) -> bool:
    """Whether so many of the products have a picture, a row of `images` (n, v) that is not zero, that it counts."""
    return bool(images.size) and float(np.any(images, axis=1).mean()) >= _ENOUGH


def likeness(images: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """How alike each of `images` (n, v) is to each of `others` (m, v), unit norm or zero: (n, m) float32, 0 to 1."""
    return sharpened(images @ others.T)


def sharpened(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Likenesses of cosines."""
    likenesses = np.clip(cosines, 0, 1)
    for _ in range(_POWER.bit_length() - 1):  # three products are much faster than a power
        likenesses *= likenesses
    return likenesses


def neighbours(images: NDArray[np.float32], most: int) -> Lists:
    """The `most` products that are most alike to each one by `images` (n, v), without itself."""
    return _alike(images, images, most, apart=True)


def nearest(images: NDArray[np.float32], among: NDArray[np.float32], most: int) -> Lists:
    """The `most` products of `among` (m, v) that are most alike to each of those of `images` (n, v)."""
    return _alike(images, among, most, apart=False)


def joined(words: Lists, looks: Lists, text: float, image: float, most: int) -> Lists:
    """The `most` products that are most alike to each one by words and by pictures, each weighted as in the model."""
    count = len(words.starts) - 1
    width = 1 + max(int(words.rows.max(initial=0)), int(looks.rows.max(initial=0)))
    found = Shortlists(most)
    of_words, of_looks = (
        sparse.csr_array((of.scores, of.rows, of.starts), shape=(count, width)) for of in (words, looks)
    )
    found.add(sparse.csr_array(of_words * np.float32(text) + of_looks * np.float32(image)))
    return found.lists()


def _alike(images: NDArray[np.float32], among: NDArray[np.float32], most: int, *, apart: bool) -> Lists:
    found = Shortlists(most, _LEAST)
    near = index.searcher(among) if len(among) > _EXACT_UP_TO else None
    for start in range(0, len(images), _ROWS_AT_ONCE):
        asking = images[start : start + _ROWS_AT_ONCE]
        if near is None:
            block: Any = sparse.csr_array(_cut(likeness(asking, among)))
        else:
            rows, cosines = near.search_many(asking, most + apart)  # (b, most + 1); -1 where there are fewer
            scores = np.where(rows < 0, np.float32(0), sharpened(cosines))
            starts = np.arange(len(asking) + 1) * rows.shape[1]
            parts = (scores.ravel(), np.maximum(rows, 0).ravel(), starts)
            block = sparse.csr_array(parts, shape=(len(asking), len(among)))
        found.add(block, start if apart else None)
    return found.lists()


def _cut(likenesses: NDArray[np.float32]) -> NDArray[np.float32]:
    likenesses[likenesses < _LEAST] = 0
    return likenesses
