"""`Outbound`: http and https requests to strangers' addresses, within limits. httpx is known to this folder alone.

    async with Outbound(settings) as outbound:
        image = await outbound.get("https://shop.example/a.jpg", max_bytes=15_000_000)
        await outbound.download("https://shop.example/feed.xml", path, max_bytes=2_000_000_000)

The environment's proxies, netrc and cookies play no part; redirects are followed by hand, each checked anew.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Self

import httpcore
import httpx
import msgspec

from server.outbound import network
from server.outbound.addresses import Address, is_public
from server.outbound.decoding import decoded
from server.outbound.errors import Refused, Unreachable
from server.settings import Settings

PORTS = frozenset({80, 443, 8080, 8443})
USER_AGENT = "Vitrina/0.1 (fetches the catalog and product images of a shop)"
_MOST_REDIRECTS = 5
_LONGEST_ADDRESS = 4096
_CONNECTIONS = 32
_ATTEMPTS = 3
_PAUSE_S = 0.5  # before the second attempt; doubled before the third
_LONGEST_PAUSE_S = 10.0  # a server that asks for more patience than this is tried again by the next task
_BUSY = frozenset({429, 502, 503, 504})
_SLOWEST_BYTES_S = 50_000  # a download may take as long as it keeps up this pace …
_LONGEST_DOWNLOAD_S = 3600.0  # … but not for ever


Read = Callable[[httpx.Response], Awaitable[int]]  # takes the body in and says how many bytes it had


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `body` is empty for a download and for 304, `size` counts the bytes after decompression."""

    url: str
    status: int
    content_type: str
    etag: str
    modified: str
    size: int
    body: bytes = b""


class Outbound:
    """A guarded client with its own connections; an async context manager, safe for concurrent requests.

    `allowed`, `resolve` and `ports` exist for tests, which have no public address to fetch from.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        allowed: Callable[[Address], bool] = is_public,
        resolve: network.Resolve = network.resolve,
        ports: Collection[int] = PORTS,
    ) -> None:
        self._timeout_s = settings.fetch_timeout_s
        self._ports = ports
        self._client = httpx.AsyncClient(
            transport=_transport(network.GuardedNetwork(resolve, allowed)),
            timeout=httpx.Timeout(settings.fetch_timeout_s),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one shop's cookies must not meet another's
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.aclose()

    async def get(
        self, url: str, *, max_bytes: int, accept: str = "*/*", etag: str = "", modified: str = ""
    ) -> Fetched:
        """Fetch `url` into memory, in at most `fetch_timeout_s` for everything, retries included. With the `etag` or
        `modified` of an earlier answer the status may be 304 and the body empty.

        Raises:
            Refused: a rule forbids it.
            Unreachable: no answer, or one that is neither 2xx nor 304.

        """
        headers = {"Accept": accept}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        chunks: list[bytes] = []

        async def read(response: httpx.Response) -> int:
            chunks.clear()
            async for chunk in decoded(response, max_bytes):
                chunks.append(chunk)  # noqa: PERF401 - a comprehension would lose what came before an error
            return sum(map(len, chunks))

        async with _deadline(self._timeout_s, url):
            fetched = await self._attempts(url, headers, read)
        return msgspec.structs.replace(fetched, body=b"".join(chunks))

    async def download(self, url: str, to: Path, max_bytes: int, *, accept: str = "*/*") -> Fetched:
        """Fetch `url` into the file `to`, however large up to `max_bytes`: no pause of more than `fetch_timeout_s`, no
        pace below 50 kB/s over all, no more than an hour.

        Raises:
            Refused: a rule forbids it.
            Unreachable: no answer, or one that is not 2xx.
            OSError: the file could not be written.

        """
        loop = asyncio.get_running_loop()
        started = loop.time()

        async with _deadline(self._timeout_s, url) as clock:

            async def read(response: httpx.Response) -> int:
                received = 0
                with to.open("wb") as file:
                    async for chunk in decoded(response, max_bytes):
                        received += await asyncio.to_thread(file.write, chunk)
                        patience_s = self._timeout_s + received / _SLOWEST_BYTES_S
                        clock.reschedule(started + min(patience_s, _LONGEST_DOWNLOAD_S))
                return received

            return await self._attempts(url, {"Accept": accept}, read)

    async def _attempts(self, url: str, headers: dict[str, str], read: Read) -> Fetched:
        for attempt in range(1, _ATTEMPTS + 1):
            pause_s = _PAUSE_S * 2 ** (attempt - 1) * random.uniform(1, 1.5)  # noqa: S311 - not a secret
            try:
                async with self._open(url, headers) as response:
                    pause_s = max(pause_s, _asked_pause_s(response))
                    patient = response.status_code not in _BUSY or pause_s > _LONGEST_PAUSE_S
                    if patient or attempt == _ATTEMPTS:
                        return await _fetched(response, read)
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS:
                    raise Unreachable(_why(error, url)) from error
            await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def _open(self, url: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """The answer behind all redirects, its body unread."""
        address = self._checked(url)
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._client.stream("GET", address, headers=headers) as response:
                location = response.headers.get("location", "")
                if not response.is_redirect or not location:
                    yield response
                    return
                address = self._checked(_joined(address, location))
        raise Refused(f"{shown(url)} redirects more than {_MOST_REDIRECTS} times. Give the address it leads to.")

    def _checked(self, url: str) -> httpx.URL:
        """`url` parsed, by the same parser that the request will use."""
        try:
            address = httpx.URL(url.strip()) if len(url) <= _LONGEST_ADDRESS else httpx.URL()
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise Refused(
                f"{shown(url)!r} is not an address that can be fetched. Check it for typing errors."
            ) from error
        if address.scheme not in ("http", "https") or not address.host:
            raise Refused(
                f"{shown(url)!r} cannot be fetched. Give a full address that begins with https:// or http://."
            )
        port = address.port or (443 if address.scheme == "https" else 80)
        if port not in self._ports:
            raise Refused(
                f"Port {port} is not fetched from. Offer it on one of {', '.join(map(str, sorted(self._ports)))}."
            )
        return address


def shown(url: str) -> str:
    """`url` as it may appear in a message: without a password, without its query, of bounded length."""
    bare = url.strip().partition("?")[0].partition("#")[0]
    scheme, slashes, rest = bare.partition("://")
    host, slash, path = (rest if slashes else scheme).partition("/")
    return f"{scheme + slashes if slashes else ''}{host.rpartition('@')[2]}{slash}{path}"[:200]


def _transport(backend: httpcore.AsyncNetworkBackend) -> httpx.AsyncHTTPTransport:
    context = httpx.create_ssl_context(trust_env=False)
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
    # httpx has no door for a network backend; its pool is replaced by one of the same kind that takes it
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=context, max_connections=_CONNECTIONS, keepalive_expiry=5.0, network_backend=backend
    )
    return transport


@asynccontextmanager
async def _deadline(seconds: float, url: str) -> AsyncIterator[asyncio.Timeout]:
    try:
        async with asyncio.timeout(seconds) as clock:
            yield clock
    except TimeoutError as error:
        raise Unreachable(f"{shown(url)} took too long to answer. Try again later.") from error


async def _fetched(response: httpx.Response, read: Read) -> Fetched:
    status = response.status_code
    if not response.is_success and status != HTTPStatus.NOT_MODIFIED:
        phrase = httpx.codes.get_reason_phrase(status) or "an unknown status"
        raise Unreachable(f"{shown(str(response.url))} answered {status} ({phrase}).", status)
    return Fetched(
        url=str(response.url),
        status=status,
        content_type=response.headers.get("content-type", ""),
        etag=_resendable(response.headers.get("etag", "")),
        modified=_resendable(response.headers.get("last-modified", "")),
        size=await read(response) if response.is_success else 0,
    )


def _resendable(value: str) -> str:
    return value if value.isascii() and value.isprintable() and len(value) <= 256 else ""


def _asked_pause_s(response: httpx.Response) -> float:
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() and len(asked) < 10 else 0.0


def _joined(address: httpx.URL, location: str) -> str:
    try:
        return str(address.join(location))
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise Refused(f"{shown(str(address))} redirects to something that is not an address.") from error


def _why(error: httpx.TransportError, url: str) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"{shown(url)} took too long to answer. Try again later."
    if isinstance(error, httpx.ConnectError):
        return f"{shown(url)} could not be connected to. Check that it opens in a browser, with a valid certificate."
    return f"{shown(url)} broke off its answer or sent one that is not valid HTTP. Try again later."
