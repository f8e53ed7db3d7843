"""The shopper tower without torch: from a shopper's newest events to a vector among those of the products.

The same transformer as `learning.two_tower`, read by numpy; only what the newest moment needs is worked out, so that a
click moves the vector within the same request.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving import arrays

KINDS = (0.5, 0.95)  # borders of event weights: below viewed, then wished for or in the cart, above bought
REACH = 20  # moments told apart by distance; what lies further back counts as this far
_NAME = "tower"
_EPSILON = 1e-5  # of torch's LayerNorm

Weights = Mapping[str, NDArray[np.float32]]
_Linear = tuple[NDArray[np.float32], NDArray[np.float32]]  # (d, e) and (e,)


def write(folder: Path, weights: Weights) -> None:
    """Write all weights into one file, and their names and shapes beside it."""
    shapes = {name: values.shape for name, values in weights.items()}
    flat = np.concatenate([np.empty(0, dtype=np.float32), *(values.ravel() for values in weights.values())])
    arrays.write(folder, _NAME, flat.astype(np.float32))
    (folder / f"{_NAME}.json").write_bytes(msgspec.json.encode(shapes))


def read(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Map what `write` wrote."""
    shapes = msgspec.json.decode((folder / f"{_NAME}.json").read_bytes(), type=dict[str, tuple[int, ...]])
    flat, start = arrays.read(folder, _NAME), 0
    weights: dict[str, NDArray[np.float32]] = {}
    for name, shape in shapes.items():
        stop = start + math.prod(shape)
        weights[name], start = flat[start:stop].reshape(shape), stop
    return weights


def item_vectors(weights: Weights, content: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors (n, d), unit norm, of products that the towers were not taught, from their content (n, t)."""
    inner = _gelu(content @ weights["content.inner.weight"].T + weights["content.inner.bias"])
    vectors = weights["content.gain"] * (inner @ weights["content.outer.weight"].T + weights["content.outer.bias"])
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)


class ShopperTower:
    """One opened tower."""

    def __init__(self, weights: Weights) -> None:
        self._length = int(weights["length"][0])
        self._kinds, self._entry, self._exit = (
            weights["shopper.kinds"],
            _Norm(weights, "shopper.entry"),
            _Norm(weights, "shopper.exit"),
        )
        count = len({name.split(".")[2] for name in weights if name.startswith("shopper.layers.")})
        self._layers = [_Layer(weights, f"shopper.layers.{number}.") for number in range(count)]

    def vector(self, past: Past, items: NDArray[np.float32]) -> NDArray[np.float32]:
        """The shopper's vector (d,), unit norm; zero for an empty past. `items` (n, d): those of the products."""
        if not len(past):
            return np.zeros(items.shape[1], dtype=np.float32)
        rows, moments, weights = (
            past.rows[-self._length :],
            past.moments[-self._length :],
            past.weights[-self._length :],
        )
        hidden = self._entry(items.take(rows, axis=0)) + self._kinds[_BORDERS.searchsorted(weights)]  # (t, d)
        # how many moments lie between each event (asking, in rows) and each other; -1: it came later and is not seen
        distances = np.minimum(np.maximum(moments - moments[:, None], -1), REACH - 1)  # (t, t)
        newest = int(np.count_nonzero(moments == moments[-1]))
        for number, layer in enumerate(self._layers):
            asking = newest if number == len(self._layers) - 1 else len(rows)
            hidden = layer(hidden, distances[-asking:])
        summed = self._exit(hidden[-newest:]).sum(axis=0)
        return (summed / max(float(np.linalg.norm(summed)), 1e-12)).astype(np.float32)


_BORDERS = np.array(KINDS, dtype=np.float32)


class _Norm:
    def __init__(self, weights: Weights, name: str) -> None:
        self._gain, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return _normed(values) * self._gain + self._bias

    def into(self, linear: _Linear) -> _Linear:
        """The linear step that this norm's gain and bias, and then `linear`, are together."""
        steps, bias = linear
        return np.ascontiguousarray(self._gain[:, None] * steps), self._bias @ steps + bias


class _Layer:
    def __init__(self, weights: Weights, name: str) -> None:
        nearness = weights[f"{name}nearness"]  # (REACH, h)
        unseen = np.full((1, nearness.shape[1]), -np.inf, dtype=np.float32)
        self._nearness = np.concatenate([nearness, unseen])  # by distance, the last row for -1
        self._heads = nearness.shape[1]
        parts = ("mix", "mixed", "inner", "outer")
        mix, self._mixed, inner, self._outer = (
            (np.ascontiguousarray(weights[f"{name}{part}.weight"].T), weights[f"{name}{part}.bias"]) for part in parts
        )
        self._mix = _Norm(weights, f"{name}before_mix").into(mix)
        self._inner = _Norm(weights, f"{name}before_inner").into(inner)
        self._temperature = np.float32(math.sqrt(self._mixed[0].shape[0] / self._heads))

    def __call__(self, hidden: NDArray[np.float32], distances: NDArray[np.int32]) -> NDArray[np.float32]:
        """The outputs at the newest q events: hidden (t, d) and distances (q, t) to (q, d)."""
        (length, width), asking = hidden.shape, len(distances)
        split = _linear(_normed(hidden), self._mix).reshape(length, 3, self._heads, width // self._heads)
        query, key, value = split.transpose(1, 2, 0, 3)  # (h, t, d / h) each
        scores = query[:, -asking:] @ key.transpose(0, 2, 1)
        scores /= self._temperature
        scores += self._nearness[distances].transpose(2, 0, 1)
        scores -= np.maximum.reduce(scores, axis=2, keepdims=True)
        shares = np.exp(scores, out=scores)
        shares /= np.add.reduce(shares, axis=2, keepdims=True)
        mixed = (shares @ value).transpose(1, 0, 2).reshape(asking, width)
        hidden = hidden[-asking:] + _linear(mixed, self._mixed)
        return hidden + _linear(_gelu(_linear(_normed(hidden), self._inner)), self._outer)


def _normed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row with mean 0 and variance 1. Sums by `reduce`: for so few rows `mean` takes longer than all the rest."""
    width = np.float32(values.shape[-1])
    mean: NDArray[np.float32] = np.add.reduce(values, axis=-1, keepdims=True)
    mean /= width
    centred = values - mean
    deviation: NDArray[np.float32] = np.add.reduce(centred * centred, axis=-1, keepdims=True)
    deviation /= width
    deviation += np.float32(_EPSILON)
    centred /= np.sqrt(deviation, out=deviation)
    return centred


def _linear(values: NDArray[np.float32], weights: _Linear) -> NDArray[np.float32]:
    steps = values @ weights[0]
    steps += weights[1]
    return steps


def _gelu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The tanh form of GELU (Hendrycks and Gimpel 2016)."""
    inner = values * values
    inner *= np.float32(0.044715 * math.sqrt(2 / math.pi))
    inner += np.float32(math.sqrt(2 / math.pi))
    inner *= values
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= values
    inner *= np.float32(0.5)
    return inner
