"""A real web server whose answers a test writes byte for byte, and a client that may fetch from it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from server.outbound import Outbound
from server.outbound.addresses import Address
from server.settings import Settings

PORTS = range(1024, 65536)  # all that the system may give to a test
Answer = Callable[[str, dict[str, str]], bytes | Awaitable[bytes]]


def anything(_: Address) -> bool:
    return True


class Site:
    """A real HTTP server whose answers are written byte for byte."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1]
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
            self.requests.append((path, headers))
            answer = self.answer(path, headers)
            writer.write(answer if isinstance(answer, bytes) else await answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def site(answer: Answer) -> AsyncIterator[Site]:
    here = Site(answer)
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield here


def reply(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def opened(timeout_s: float = 5.0, **options: object) -> AsyncIterator[Outbound]:
    options = {"allowed": anything, "ports": PORTS} | options
    async with Outbound(Settings(fetch_timeout_s=timeout_s), **options) as outbound:  # type: ignore[arg-type]
        yield outbound
