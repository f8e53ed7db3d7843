"""Many visitors of one shop: asks at a mean rate, whether or not earlier requests were answered, and tells how long
each took. A slow answer delays no later request, so that waiting in line is seen as what it is.

Visitors come by chance. With equal pauses two shops keep step: the one always asks just before, or always just after,
the other, and what a measurement finds is which of the two it was.
"""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

import uvloop

from benchmarks.pressing import Request, raw

_PATIENCE_S = 10.0
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Answered(NamedTuple):
    """One answer. `ms` counts from when the request was due."""

    status: int
    ms: float


def visit(
    port: int, requests: Sequence[Request], key: str, per_second: float, seconds: float, connections: int
) -> list[Answered]:
    """Ask `requests` in turn over so many connections, each of which has the same share of the mean rate."""
    return uvloop.run(_visit(port, [raw(one, key) for one in requests], per_second, seconds, connections))


async def _visit(
    port: int, requests: Sequence[bytes], per_second: float, seconds: float, connections: int
) -> list[Answered]:
    loop = asyncio.get_running_loop()
    answered: list[Answered] = []
    pause_s = connections / per_second
    turns = max(round(seconds / pause_s), 1)
    visitors = [_Visitor(requests, number, pause_s, turns, answered) for number in range(connections)]
    for visitor in visitors:
        await loop.create_connection(lambda visitor=visitor: visitor, "127.0.0.1", port)
    for number, visitor in enumerate(visitors):
        visitor.begin(time.perf_counter() + number / per_second)
    async with asyncio.timeout(seconds * 2 + _PATIENCE_S):
        await asyncio.gather(*(visitor.done for visitor in visitors))
    return answered


class _Visitor(asyncio.Protocol):
    """One connection. Bare of streams and tasks: thousands of requests a second must leave time to those who answer."""

    def __init__(
        self, requests: Sequence[bytes], first: int, pause_s: float, turns: int, answered: list[Answered]
    ) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._requests, self._first, self._pause_s = requests, first, pause_s
        self._turns, self._answered = turns, answered
        self._turn = 0
        self._due = 0.0
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self, due: float) -> None:
        """Ask for the first time at `due`, in the time of `perf_counter`."""
        self._due = due
        asyncio.get_running_loop().call_later(due - time.perf_counter(), self._ask)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._heard, 0, end)
        if len(self._heard) < end + 4 + (int(length[1]) if length else 0):
            return
        self._answered.append(Answered(int(self._heard[9:12]), (time.perf_counter() - self._due) * 1000))
        self._heard = b""
        self._turn += 1
        if self._turn == self._turns:
            self._transport.close()
            self.done.set_result(None)
        else:
            self.begin(self._due + random.expovariate(1 / self._pause_s))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        self._transport.write(self._requests[(self._first + self._turn) % len(self._requests)])
