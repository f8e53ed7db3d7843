"""The compiled part of serving, as Python calls it; `setup.py` builds it when Vitrina is installed.

Its functions hold no state, so any thread may call them. Arrays are handed over by address: whoever calls keeps them
alive.
"""

from pathlib import Path
from typing import Any

import numpy as np
from cffi import FFI
from numpy.typing import NDArray

_FILE = Path(__file__).with_name("libnative.so")
_KINDS = {
    "uint8_t[]": ("?",),
    "int32_t[]": ("i4",),
    "int64_t[]": ("l", "q"),
    "uint64_t[]": ("L", "Q"),
    "float[]": ("f4",),
}

ffi: Any = FFI()
_TYPES = {np.dtype(kind).char: ffi.typeof(name) for name, kinds in _KINDS.items() for kind in kinds}
ffi.cdef(_FILE.with_name("interface.h").read_text("utf-8"))
NULL = ffi.NULL
try:
    lib: Any = ffi.dlopen(str(_FILE))
except OSError as error:
    raise ImportError(f"{error}. Run scripts/install, which compiles it for this machine.") from error


def pointer(values: NDArray[Any]) -> Any:
    """The address of an array's values, which stay alive as long as it does.

    Raises `KeyError` or `ValueError` unless the array is contiguous, of bool, int32, int64, uint64 or float32.
    """
    return ffi.from_buffer(_TYPES[values.dtype.char], values)
