"""From a shop's own ids to numbers: a table of sorted hashes on disk, so that a million ids take no Python object."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from server.serving import arrays, texts
from server.serving.native import ffi, lib, pointer
from server.serving.texts import Texts


class KeyTable:
    """Finds the number that belongs to a text. Hashes narrow the search, the text itself decides."""

    def __init__(self, folder: Path, name: str) -> None:
        self._hashes = arrays.read(folder, f"{name}.hashes")  # (k,) uint64, ascending
        self._numbers = arrays.read(folder, f"{name}.numbers")  # (k,) int32
        self._texts = Texts(folder, name)
        parts = (pointer(self._hashes), pointer(self._numbers), *self._texts.native())
        self.native = ffi.new("Keys *", (*parts, len(self._hashes)))  # good as long as this table

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, key: str) -> int:
        """The number of `key`, -1 when it is not in the table."""
        text = _encode(key)
        return lib.vitrina_find(self.native, text, len(text))


def write(folder: Path, name: str, keys: Sequence[str], numbers: Sequence[int]) -> None:
    """Write the table of `keys` (each once) and their `numbers`."""
    encoded = [_encode(key) for key in keys]
    hashes = np.fromiter(map(_hash, encoded), dtype=np.uint64, count=len(encoded))
    order = np.argsort(hashes, kind="stable")
    arrays.write(folder, f"{name}.hashes", hashes[order])
    arrays.write(folder, f"{name}.numbers", np.asarray(numbers, dtype=np.int32)[order])
    texts.write(folder, name, (encoded[at] for at in order.tolist()))


def _encode(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _hash(text: bytes) -> int:
    return lib.vitrina_hash(text, len(text))
