"""The shopper tower without torch: from a shopper's newest events to a vector among those of the products.

The same transformer as `learning.two_tower`, by `native`; only what the newest moment needs is worked out, so that a
click moves the vector within the same request.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving import arrays
from server.serving.native import ffi, lib, pointer

KINDS = (0.5, 0.95)  # borders of event weights: below viewed, then wished for or in the cart, above bought
REACH = 20  # moments told apart by distance; what lies further back counts as this far
_NAME = "tower"

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
        count = len({name.split(".")[2] for name in weights if name.startswith("shopper.layers.")})
        self._arrays: list[NDArray[np.float32]] = []  # that `native` has the addresses of
        self._layers = ffi.new("Layer[]", [self._layer(weights, f"shopper.layers.{at}.") for at in range(count)])
        dimensions = weights["shopper.kinds"].shape[1]
        nearness = weights["shopper.layers.0.nearness"]  # (REACH, h)
        shape = (count, dimensions, nearness.shape[1], len(weights["shopper.layers.0.inner.bias"]), len(nearness))
        names = ("entry.weight", "entry.bias", "exit.weight", "exit.bias", "kinds")
        addresses = [self._at(weights[f"shopper.{name}"]) for name in names]
        borders = self._at(np.array(KINDS, dtype=np.float32))
        self._tower = ffi.new("Tower *", (self._layers, *shape, *addresses, borders, len(KINDS) + 1))
        self._dimensions = dimensions

    def vector(self, past: Past, items: NDArray[np.float32]) -> NDArray[np.float32]:
        """The shopper's vector (d,), unit norm; zero for an empty past. `items` (n, d): those of the products."""
        vector = np.zeros(self._dimensions, dtype=np.float32)
        if not len(past):
            return vector
        window = [values[-self._length :] for values in (past.rows, past.moments, past.weights)]
        read = ffi.new("Window *", (*map(pointer, window), len(window[0])))
        if lib.vitrina_tower(self._tower, read, pointer(items), pointer(vector)) < 0:
            raise MemoryError
        return vector

    def _layer(self, weights: Weights, name: str) -> tuple[Any, ...]:
        """The `Layer` of `native/interface.h`."""
        mix, mixed, inner, outer = (
            (weights[f"{name}{part}.weight"].T, weights[f"{name}{part}.bias"])
            for part in ("mix", "mixed", "inner", "outer")
        )
        mix, inner = _after_norm(weights, f"{name}before_mix", mix), _after_norm(weights, f"{name}before_inner", inner)
        steps = [tuple(map(self._at, step)) for step in (mix, mixed, inner, outer)]
        return (*steps, self._at(weights[f"{name}nearness"]))

    def _at(self, values: NDArray[np.float32]) -> Any:
        """The address of values that stay where they are."""
        self._arrays.append(np.ascontiguousarray(values, dtype=np.float32))
        return pointer(self._arrays[-1])


def _after_norm(weights: Weights, name: str, step: _Linear) -> _Linear:
    """The linear step that a norm's gain and bias, and then `step`, are together."""
    (steps, bias), gain, shift = step, weights[f"{name}.weight"], weights[f"{name}.bias"]
    return gain[:, None] * steps, shift @ steps + bias


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
