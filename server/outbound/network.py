"""The lowest layer of `Outbound`: a name is resolved once, every address it has is checked, and the connection goes to
the address that was checked. TLS and the Host header above keep the name, so certificates are verified as usual.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any, cast

import httpcore

from server.outbound.addresses import Address
from server.outbound.errors import Refused, Unreachable

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_MOST_ADDRESSES = 4  # a name may have dozens; the first few decide whether the host answers


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, by the system's resolver. It also reads 2130706433, 0x7f.1 and 017700000001 as IPv4.

    Raises:
        Refused: the name is not one.
        Unreachable: nobody knows the name.

    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Refused(f"{host[:80]!r} is not the name of a host. Check the address.") from error
    except OSError as error:
        raise Unreachable(f"The host {host[:253]} was not found. Check the address for typing errors.") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to allowed addresses only."""

    def __init__(self, resolve: Resolve, allowed: Callable[[Address], bool]) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._tcp = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises:
            Refused: one of them is not allowed; a name that is half public is a trap.

        """
        addresses = [ip_address(text) for text in await self._resolve(host, port)]
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise Refused(
                "The address leads into a private or reserved network, from which nothing is fetched. "
                "Use an address that anyone on the internet can open."
            )
        last: Exception = httpcore.ConnectError()
        for address in addresses[:_MOST_ADDRESSES]:
            try:
                return await self._tcp.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the interface of httpcore
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never: what strangers name is not on this machine."""
        raise Refused("Only http and https addresses are fetched.")

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own retries."""
        await asyncio.sleep(seconds)
