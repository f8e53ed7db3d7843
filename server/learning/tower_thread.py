"""The towers of one training, taught beside its other stages where there are two threads: neither waits for the other,
as the towers ask for nothing that those find.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories
from server.learning import tower_training
from server.learning.cases import Cases
from server.learning.tower_training import Progress
from server.learning.two_tower import Settings, TwoTower


class TowerThread:
    """Teaches one pair of towers after the other: PyTorch draws its chances from one source for the whole process.

    Leaving its context stops what nobody wants any more. `content` (n, t) as for `tower_training.train`.
    """

    def __init__(self, content: NDArray[np.floating], settings: Settings, progress: Progress, *, beside: bool) -> None:
        self._content, self._settings, self._progress = content, settings, progress
        self._thread = ThreadPoolExecutor(1) if beside else None
        self._left = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def begin(self, histories: Histories, validation: Cases | None) -> Callable[[], TwoTower]:
        """Begin, where there is a second thread. What it gives waits for the towers, and tells meanwhile how far they
        are.
        """
        waited_for = threading.Event()

        def tell(done: int, total: int) -> None:
            if self._left.is_set():
                raise _Left
            if waited_for.is_set():
                self._progress(done, total)

        def teach() -> TwoTower:
            return tower_training.train(histories, self._content, self._settings, validation, tell)

        taught = teach if self._thread is None else self._thread.submit(teach).result

        def wait() -> TwoTower:
            waited_for.set()
            return taught()

        return wait


class _Left(Exception):  # noqa: N818 - nobody sees it
    """Nobody waits for these towers."""
