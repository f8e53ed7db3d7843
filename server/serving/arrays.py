"""Arrays as files of their own, read by mapping them: only the pages that a request touches take memory."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def write(folder: Path, name: str, values: Array) -> None:
    """Write one array as `{name}.npy`."""
    np.save(folder / f"{name}.npy", np.ascontiguousarray(values), allow_pickle=False)


def quick(values: Array) -> memoryview:
    """The same values for reading one at a time, which numpy is slow at."""
    return values.data


def read(folder: Path, name: str) -> Array:
    """Map one array, read-only.

    A plain view, because slicing numpy's memmap class costs ten times as much.
    """
    path = folder / f"{name}.npy"
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except ValueError:
        return np.load(path, allow_pickle=False)  # an array without elements cannot be mapped
