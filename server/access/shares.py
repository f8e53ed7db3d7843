"""How much of this process's time one shop may take while others ask too, so that a busy shop is not felt next door.

The time that each request keeps the process busy is measured, waiting left out. A shop that took more than its share
is refused until it has paid that back; alone in a process it may take everything. Limits per key say how often somebody
may ask, and this what the asking may cost.
"""

import time
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from math import ceil
from typing import Any

_AT_ONCE_S = 0.25  # of processor time that a shop may take in one go: some hundred lists, or a large batch of items
_NEIGHBOUR_LASTS_S = 10.0  # a shop that was silent for so long has nobody who would wait
_FIRST_GUESS_S = 0.001
_MOST_EXPECTED_S = 0.05  # a task that was followed for an hour says nothing of the next request
_MEMORY = 0.1  # weight of the newest request in what one of the shop's costs
_MOST_ACCOUNTS = 10_000  # about 2 MB


@dataclass(slots=True)
class _Account:
    """What one shop took. `owed_s`: of its share, at the time `at`; `cost_s`: what one of its requests takes."""

    at: float
    owed_s: float = 0.0
    cost_s: float = _FIRST_GUESS_S


class Shares:
    """Keeps account for one process. `share`: of its time, above 0; 1 and more means no limit."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._accounts: dict[str, _Account] = {}
        self._last = self._before = ("", -_NEIGHBOUR_LASTS_S)  # the shop served last, and the last one before that

    def wait_of_shop(self, shop_id: str) -> int:
        """0 if a request of this shop may be served, else in how many seconds to ask again."""
        if self._share >= 1:
            return 0
        now = time.monotonic()
        account = self._accounts.get(shop_id) or self._open(shop_id, now)
        account.owed_s = max(0.0, account.owed_s - (now - account.at) * self._share)
        account.at = now
        if account.owed_s <= _AT_ONCE_S or not self._has_neighbour(shop_id, now):
            return 0
        return ceil((account.owed_s - _AT_ONCE_S) / self._share)

    async def measured(self, shop_id: str, work: Coroutine[Any, Any, None]) -> None:
        """Do the work of one request, at the shop's expense."""
        if self._share >= 1:
            return await work
        now = time.monotonic()
        account = self._accounts.get(shop_id) or self._open(shop_id, now)
        if self._last[0] != shop_id:
            self._before = self._last
        self._last = (shop_id, now)
        # in advance, so that of many requests that come together not all are let in before the first has its bill
        expected_s = account.cost_s
        account.owed_s += expected_s
        measured = _Measured(work, account)
        try:
            await measured
        finally:
            account.owed_s = max(0.0, account.owed_s - expected_s)
            account.cost_s += _MEMORY * (min(measured.busy_s, _MOST_EXPECTED_S) - account.cost_s)
        return None

    def _has_neighbour(self, shop_id: str, now: float) -> bool:
        name, at = self._before if self._last[0] == shop_id else self._last
        return bool(name) and now - at < _NEIGHBOUR_LASTS_S

    def _open(self, shop_id: str, now: float) -> _Account:
        if len(self._accounts) >= _MOST_ACCOUNTS:
            self._accounts.clear()
        account = self._accounts[shop_id] = _Account(now)
        return account


class _Measured:
    """Awaits `work`, and charges what it takes as it takes it: following a task is one request that lasts for hours."""

    __slots__ = ("_account", "_work", "busy_s")

    def __init__(self, work: Coroutine[Any, Any, None], account: _Account) -> None:
        self._work = work
        self._account = account
        self.busy_s = 0.0

    def __await__(self) -> Generator[Any, Any, None]:
        error: BaseException | None = None
        while True:
            began = time.thread_time()  # of the processor: nobody is charged for what other processes do
            try:
                waits_for = self._work.send(None) if error is None else self._work.throw(error)
            except StopIteration:
                return
            finally:
                took_s = time.thread_time() - began
                self.busy_s += took_s
                self._account.owed_s += took_s
            try:
                yield waits_for
                error = None
            except BaseException as thrown:  # cancelled, or closed: the work's to answer
                error = thrown
