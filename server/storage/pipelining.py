"""Reads from Redis over one connection, each sent at once and without waiting for the answers to those before it.

The client's own way of a command takes a process that just slept some 250 microseconds, a third of a whole answer; this
one takes 100. The client still opens the connection: addresses, TLS and passwords stay its matter.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError


class Pipelining:
    """Reads of one process. Used by one event loop only; connects when first asked and again when that was lost."""

    def __init__(self, redis: "Redis", timeout_s: float) -> None:
        self._pool = redis.connection_pool
        self._timeout_s = timeout_s
        self._link: _Link | None = None
        self._connecting = asyncio.Lock()

    async def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of `keys`, None where there is none.

        Raises:
            RedisError, OSError, TimeoutError: Redis is away, or took longer than the timeout to answer.

        """
        command = hiredis.pack_command(cast(Any, ("MGET", *keys)))
        link = self._link if self._link is not None and self._link.is_open else await self._connected()
        try:
            return await link.ask(command)
        except Disconnected:  # a server that was started again, or that ends idle connections
            return await (await self._connected()).ask(command)

    def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close()

    async def _connected(self) -> "_Link":
        async with self._connecting, asyncio.timeout(self._timeout_s):
            if self._link is None or not self._link.is_open:
                connection = cast(AbstractConnection, self._pool.make_connection())
                await connection.connect()
                self._link = _Link(connection, self._timeout_s)
            return self._link


class _Link(asyncio.Protocol):
    """One open connection, taken over from the client. Answers come in the order of the questions."""

    def __init__(self, connection: AbstractConnection, timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._replies = hiredis.Reader()
        self._asked: deque[tuple[asyncio.Future[list[bytes | None]], float]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        # the client has a lasting connection only for itself: what it opened is taken from it, lest it be closed twice
        self._writer = cast(asyncio.StreamWriter, connection._writer)  # pyright: ignore[reportPrivateUsage]
        connection._reader = connection._writer = None  # pyright: ignore[reportPrivateUsage]
        self._transport = cast(asyncio.Transport, self._writer.transport)
        self._transport.set_protocol(self)
        self.is_open = True

    def ask(self, command: bytes) -> "asyncio.Future[list[bytes | None]]":
        """Send a packed command; the future gets its answer."""
        answer: asyncio.Future[list[bytes | None]] = self._loop.create_future()
        self._asked.append((answer, self._loop.time() + self._timeout_s))
        self._transport.write(command)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._look)
        return answer

    def close(self) -> None:
        """End the connection."""
        self.is_open = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are complete."""
        self._replies.feed(data)
        while (reply := self._replies.gets()) is not False:
            answer, _ = self._asked.popleft()
            if answer.done():  # who asked has gone away
                continue
            if isinstance(reply, Exception):
                answer.set_exception(ResponseError(str(reply)))
            else:
                answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self.is_open = False
        self._fail(Disconnected(f"The connection to Redis was lost: {exc or 'it was closed'}"))

    def _look(self) -> None:
        """One timer for all questions: end the connection when the oldest has waited too long."""
        self._watch = None
        if not self._asked:
            return
        left_s = self._asked[0][1] - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._look)
            return
        self._fail(TimeoutError(f"Redis did not answer within {self._timeout_s:g} seconds"))
        self.close()  # an answer that came later would be taken for another's

    def _fail(self, error: Exception) -> None:
        while self._asked:
            answer, _ = self._asked.popleft()
            if not answer.done():
                answer.set_exception(error)
