"""Many short byte strings in one file, mapped into memory: the cards, names and ids of a snapshot.

Written by appending, so that a catalog of any size passes through a small buffer; read by number.
"""

import mmap
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from server.serving import arrays
from server.serving.native import ffi, pointer


class Texts:
    """The byte strings of one file, by number from 0."""

    def __init__(self, folder: Path, name: str) -> None:
        self._all_starts = arrays.read(folder, f"{name}.starts")  # (n + 1,) uint64
        self._starts = arrays.quick(self._all_starts)
        path = folder / f"{name}.bin"
        with path.open("rb") as file:
            # an empty file cannot be mapped
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""

    def __len__(self) -> int:
        return len(self._starts) - 1

    def native(self) -> tuple[Any, Any]:
        """Where each string starts, and all of them, for `native`; good as long as this object."""
        return pointer(self._all_starts), ffi.from_buffer("uint8_t[]", self._bytes)

    def __getitem__(self, number: int) -> bytes:
        return self._bytes[self._starts[number] : self._starts[number + 1]]


class TextsWriter:
    """Appends byte strings to the file that `Texts` reads."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._starts = array("Q", [0])
        self._file = (folder / f"{name}.bin").open("wb")

    def append(self, text: bytes) -> None:
        """Add one byte string; its number is the count of those before it."""
        self._file.write(text)
        self._starts.append(self._starts[-1] + len(text))

    def close(self) -> None:
        """Finish the file and write where each string starts."""
        self._file.close()
        arrays.write(self._folder, f"{self._name}.starts", np.frombuffer(self._starts, dtype=np.uint64))


def write(folder: Path, name: str, texts: Iterable[bytes]) -> None:
    """Write a file of `texts` at once."""
    writer = TextsWriter(folder, name)
    for text in texts:
        writer.append(text)
    writer.close()
