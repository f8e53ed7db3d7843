"""The inverse of a symmetric matrix by LAPACK, called without Python's global lock.

SciPy's own functions hold the lock while they compute: for 12,000 products they would stop for half a minute whatever
runs beside them, the teaching of the towers above all. `scipy.linalg.cython_lapack` offers the same routines as
addresses, and ctypes lets go of the lock while it calls one.
"""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_lapack  # pyright: ignore[reportAttributeAccessIssue]  it has no type stubs

_ROWS_AT_ONCE = 1024


def invert(matrix: NDArray[np.float32]) -> None:
    """Invert a symmetric positive definite matrix (n, n) float32, row after row in memory, in its own place.

    Raises `ValueError` for a matrix of another form, `numpy.linalg.LinAlgError` where it is not positive definite.
    """
    if matrix.dtype != np.float32 or matrix.shape != matrix.shape[::-1] or not matrix.flags.carray:
        raise ValueError("This takes a square matrix of float32, row after row in memory.")
    failed = _call(_FACTORISE, matrix) or _call(_INVERT, matrix)
    if failed:
        raise np.linalg.LinAlgError(f"The matrix is not positive definite ({failed}).")
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(matrix))
        matrix[start:stop, :start] = matrix[:start, start:stop].T
        block = matrix[start:stop, start:stop]
        lower = np.tril_indices(stop - start, -1)
        block[lower] = block.T[lower]


def _routine(name: str) -> Any:
    """A routine of LAPACK as a C function (uplo, n, a, lda, info)."""
    capsule: Any = cython_lapack.__pyx_capi__[name]
    named, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    number = ctypes.POINTER(ctypes.c_int)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, number, ctypes.c_void_p, number, number)
    return kind(address(capsule, named(capsule)))


_FACTORISE, _INVERT = _routine("spotrf"), _routine("spotri")


def _call(routine: Any, matrix: NDArray[np.float32]) -> int:
    """Gives LAPACK's `info`. What it takes for the lower half, column after column, is the upper one to us."""
    size, info = ctypes.c_int(len(matrix)), ctypes.c_int()
    leading = ctypes.c_int(max(len(matrix), 1))
    routine(b"L", ctypes.byref(size), matrix.ctypes.data, ctypes.byref(leading), ctypes.byref(info))
    return info.value
