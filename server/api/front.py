"""The one layer around all routes: request id, log line, figures, and errors as problem details.

Pure ASGI: it costs a request some microseconds, where a stack of ordinary middleware costs a hundred.
"""

import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from time import perf_counter

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import logs
from server.api import metrics
from server.api.problems import Problem, of_exception, too_many
from server.api.services import Services

RawHeaders = tuple[tuple[bytes, bytes], ...]

log = structlog.get_logger(__name__)
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:+/=@-]{1,64}")
JSON = (b"content-type", b"application/json")
# On every answer that does not say otherwise: nothing of it runs, loads, or is framed
_GUARDS: RawHeaders = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
)
# Besides on what a browser may render, which JSON is not (OWASP's REST security cheat sheet leaves them out there):
# it tells other sites nothing of where one was, shares no window with them, and may use no device
_PAGE_GUARDS: RawHeaders = (
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), browsing-topics=()"),
)
_ONLY_BY_TLS = (b"strict-transport-security", b"max-age=31536000")
_PROCESS = secrets.token_hex(6)
_numbers = count(1)
_READABLE = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Request-Id, Retry-After"),
)
_LOOPBACK = ("127.0.0.1", "::1")
_GONE = 499  # nginx's number for a caller that hung up; seen in the log only


class Trace:
    """What is known of one request so far; the endpoint fills it in. `extra`: headers that any answer gets.

    `mark`: of the sender's address, None where it is not known; see `server.access.addresses`.
    """

    __slots__ = ("extra", "headers", "key_id", "mark", "request_id", "route", "shop_id", "status")

    def __init__(self, request_id: str, headers: Mapping[bytes, bytes]) -> None:
        self.request_id = request_id
        self.headers = headers
        self.route = ""
        self.shop_id = ""
        self.key_id = ""
        self.mark: int | None = None
        self.status = 0
        self.extra: list[tuple[bytes, bytes]] = []


class Front:
    """ASGI middleware, the outermost of the application's own.

    `direct`: what answers a method and a path without parameters. There is no need to ask each route in turn for these.
    """

    def __init__(self, app: ASGIApp, services: Services, direct: Mapping[tuple[str, str], ASGIApp]) -> None:
        self.app = app
        self.services = services
        self._direct = direct
        # one's own machine without a proxy in front: everybody has the same address, and is oneself
        self._is_at_home = not services.settings.public_url
        by_tls = services.settings.base_url.startswith("https://")
        of_all = (*_GUARDS, _ONLY_BY_TLS) if by_tls else _GUARDS

        @lru_cache(maxsize=256)  # answers have few shapes
        def beside(given: tuple[bytes, ...], is_json: bool) -> RawHeaders:
            guards = of_all if is_json else (*of_all, *_PAGE_GUARDS)
            return tuple(guard for guard in guards if guard[0] not in given)

        self._guards_beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, and see to it that it is answered and recorded."""
        if scope["type"] != "http":
            await self.app(scope, receive, _plain_spoken(send) if scope["type"] == "lifespan" else send)
            return
        started = perf_counter()
        trace = _trace(scope)
        own = (b"x-request-id", trace.request_id.encode())

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.status = message["status"]
                headers = message["headers"]
                guards = self._guards_beside(tuple([name for name, _ in headers]), JSON in headers)
                message["headers"] = [*headers, *trace.extra, own, *guards]
            await send(message)

        try:
            self._admit(scope, trace)
            endpoint = self._direct.get((scope["method"], scope["path"]))
            if endpoint is None:
                await self.app(scope, receive, tagged)
            else:
                scope["path_params"] = {}
                await endpoint(scope, receive, tagged)
        except ClientDisconnect:
            trace.status = trace.status or _GONE
        except Exception as error:
            await _apologise(scope, tagged, trace, error)
        finally:
            _record(scope, trace, perf_counter() - started)

    def _admit(self, scope: Scope, trace: Trace) -> None:
        """Raise Problem 429 where the sender's address has asked too much."""
        address = scope["client"][0] if scope["client"] else ""
        if not address:  # a proxy on a socket that does not pass it on
            return
        trace.mark = self.services.addresses.mark_of(address)
        if self._is_at_home and address in _LOOPBACK:
            return
        wait_s = self.services.limiter.wait_of_address(trace.mark)
        if wait_s:
            if b"origin" in trace.headers:
                trace.extra = list(_READABLE)
            raise too_many("this address", wait_s)


def _trace(scope: Scope) -> Trace:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    given = headers.get(b"x-request-id")
    if given is not None and _SAFE_ID.fullmatch(given):
        request_id = given.decode()
    else:
        request_id = f"req_{_PROCESS}{next(_numbers):08x}"
    logs.request_id.set(request_id)
    trace = Trace(request_id, headers)
    scope["trace"] = trace
    return trace


async def _apologise(scope: Scope, send: Send, trace: Trace, error: Exception) -> None:
    problem = of_exception(error)
    if problem.status >= 500:
        log.error("request.failed", route=trace.route, method=scope["method"], exc_info=error)
    if trace.status:
        raise error  # half an answer is out: the server closes the connection, which the caller sees as broken
    await send_problem(scope, send, problem, trace.request_id)


async def send_problem(scope: Scope, send: Send, problem: Problem, request_id: str) -> None:
    """Send a problem as the whole answer."""
    body = problem.encode(request_id)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _record(scope: Scope, trace: Trace, seconds: float) -> None:
    route = trace.route or getattr(scope.get("route"), "path", "") or "none"
    method, status = scope["method"], trace.status or 500
    metrics.observe(method, route, status, seconds, trace.shop_id)
    ms = round(seconds * 1000, 3)
    logs.request_line(logs.RequestLine(method, route, status, ms, trace.request_id, trace.shop_id, trace.key_id))


def _plain_spoken(send: Send) -> Send:
    """A start that fails is told in its last line, which says what to do, not by a traceback."""

    async def spoken(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            message["message"] = message.get("message", "").strip().rpartition("\n")[2].partition(": ")[2]
        await send(message)

    return spoken
