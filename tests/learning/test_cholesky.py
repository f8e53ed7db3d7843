"""The inverse is right, in place, and lets other threads run."""

import threading
import time

import numpy as np
import pytest

from server.learning import cholesky


def positive_definite(size: int) -> np.ndarray:
    made = np.random.default_rng(size).normal(size=(size, 2 * size)).astype(np.float32)
    return (made @ made.T / size + np.eye(size)).astype(np.float32)


@pytest.mark.parametrize("size", [0, 1, 7, 1024, 1500])
def test_inverse_is_right_and_symmetric(size: int) -> None:
    matrix = positive_definite(size)
    inverse = matrix.copy()
    cholesky.invert(inverse)
    assert np.allclose(inverse @ matrix, np.eye(size), atol=1e-3)
    assert np.array_equal(inverse, inverse.T)


def test_matrix_without_an_inverse_is_told() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cholesky.invert(np.zeros((3, 3), dtype=np.float32))


@pytest.mark.parametrize(
    "matrix", [np.eye(3), np.eye(3, dtype=np.float32)[:2], np.asfortranarray(np.eye(3, dtype=np.float32))]
)
def test_matrix_of_another_form_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="square matrix of float32"):
        cholesky.invert(matrix)


def test_other_threads_run_meanwhile() -> None:
    matrix, done = positive_definite(3000), threading.Event()
    inverting = threading.Thread(target=lambda: (cholesky.invert(matrix), done.set()))
    began = time.monotonic()
    inverting.start()
    looks = 0
    while not done.wait(0.001):
        looks += 1
    inverting.join()
    assert looks > 20 * (time.monotonic() - began)  # with the lock held it would look a handful of times in all
