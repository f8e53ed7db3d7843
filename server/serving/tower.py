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
        hidden = self._entry(items[rows]) + self._kinds[np.searchsorted(_BORDERS, weights)]  # (t, d)
        newest = int(np.count_nonzero(moments == moments[-1]))
        for number, layer in enumerate(self._layers):
            asking = newest if number == len(self._layers) - 1 else len(rows)
            hidden = layer(hidden, moments, asking)
        summed = self._exit(hidden[-newest:]).sum(axis=0)
        return (summed / max(float(np.linalg.norm(summed)), 1e-12)).astype(np.float32)


_BORDERS = np.array(KINDS, dtype=np.float32)


class _Norm:
    def __init__(self, weights: Weights, name: str) -> None:
        self._gain, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        centred = values - values.mean(axis=-1, keepdims=True)
        variance = np.einsum("td,td->t", centred, centred)[:, None] / np.float32(values.shape[-1])
        return centred / np.sqrt(variance + np.float32(_EPSILON)) * self._gain + self._bias


class _Layer:
    def __init__(self, weights: Weights, name: str) -> None:
        self._before_mix, self._before_inner = (
            _Norm(weights, f"{name}before_mix"),
            _Norm(weights, f"{name}before_inner"),
        )
        self._nearness = weights[f"{name}nearness"]  # (REACH, h)
        self._heads = self._nearness.shape[1]
        parts = ("mix", "mixed", "inner", "outer")
        self._mix, self._mixed, self._inner, self._outer = (
            (np.ascontiguousarray(weights[f"{name}{part}.weight"].T), weights[f"{name}{part}.bias"]) for part in parts
        )

    def __call__(self, hidden: NDArray[np.float32], moments: NDArray[np.int32], asking: int) -> NDArray[np.float32]:
        """(t, d) to (asking, d): the outputs at the newest `asking` events."""
        length, width = hidden.shape
        split = _linear(self._before_mix(hidden), self._mix).reshape(length, 3, self._heads, width // self._heads)
        query, key, value = split.transpose(1, 2, 0, 3)  # (h, t, d / h) each
        # a moment's number falls with time: how many moments lie between an asking event and each one
        distances = moments[None, :] - moments[-asking:, None]  # (q, t)
        scores = query[:, -asking:] @ key.transpose(0, 2, 1) / np.float32(math.sqrt(width / self._heads))
        scores += self._nearness[np.clip(distances, 0, REACH - 1)].transpose(2, 0, 1)
        scores[:, distances < 0] = -np.inf  # what came later is not seen
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        mixed = (shares @ value).transpose(1, 0, 2).reshape(asking, width)
        hidden = hidden[-asking:] + _linear(mixed, self._mixed)
        return hidden + _linear(_gelu(_linear(self._before_inner(hidden), self._inner)), self._outer)


def _linear(
    values: NDArray[np.float32], weights: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> NDArray[np.float32]:
    return values @ weights[0] + weights[1]


def _gelu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The tanh form of GELU (Hendrycks and Gimpel 2016)."""
    inner = np.float32(math.sqrt(2 / math.pi)) * (values + np.float32(0.044715) * values * values * values)
    return np.float32(0.5) * values * (1 + np.tanh(inner))
