"""One operation of the API: what it takes, who may call it, what it answers, and the function that does it.

The same declaration checks requests, and becomes the OpenAPI document. `routes` turns operations into Starlette
routes; each is an ASGI endpoint of its own, without Request objects, so that the hot calls stay cheap.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server.access.policies import Policy
from server.api.admission import admit
from server.api.call import Answer, AnyAnswer, Call
from server.api.front import JSON, RawHeaders, Trace
from server.api.idempotency import HEADER, Fingerprint, Rendered, once
from server.api.problems import not_owned
from server.api.reading import QueryReader, check_media_type, decode, path_values, read_body
from server.api.services import Services

MEBIBYTE = 1_048_576
_json = msgspec.json.Encoder()
_JSON_HEADERS: RawHeaders = (JSON, (b"cache-control", b"private, no-store"))
_PREFLIGHT_HEADERS: RawHeaders = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key, Vitrina-Shop, X-Request-Id"),
    (b"access-control-max-age", b"7200"),  # the most that Chromium honours
)


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is not JSON, as the document describes it."""

    type: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


Handler = Callable[[Call], Awaitable[AnyAnswer]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """See the module. `parameters`: types of path parameters that are more than text.

    `answers`: the body's type by status; None for an empty body, `Media` for what is not JSON. `body_streams`: the
    handler reads the body itself. `body_schema`: what the document says of a body whose fields the handler checks.
    `form`: the documented Struct of a multipart body. `changes_late`: the handler has long work to do before its
    change, and opens the transaction for that by itself, with `Call.changed`. `needs_owner`: it is not served before
    somebody runs the installation.
    """

    method: str
    path: str
    policy: Policy
    tag: str
    summary: str
    handler: Handler
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    query: type[msgspec.Struct] | None = None
    body: Any = None
    body_schema: Any = None
    form: type[msgspec.Struct] | None = None
    body_types: tuple[str, ...] = ("application/json",)
    body_max_bytes: int = MEBIBYTE
    body_streams: bool = False
    changes_late: bool = False
    needs_owner: bool = True
    answers: Mapping[int, Any] = field(default_factory=dict[int, Any])
    problems: tuple[int, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict[str, Any])  # "query", "body", "answer"

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{self.method} {self.path} has no policy; nothing here is open by accident")
        if not self.answers:
            raise TypeError(f"{self.method} {self.path} does not say what it answers")

    @property
    def is_done_once(self) -> bool:
        """Whether it heeds `Idempotency-Key`: what is posted by servers and people. Events have ids of their own."""
        return self.method == "POST" and bool(self.policy.kinds) and "publishable" not in self.policy.kinds

    @cached_property
    def is_change(self) -> bool:
        """Whether the audit log tells of it: everything that changes a shop, but what its storefront sends."""
        return self.method != "GET" and not self.policy.public and "publishable" not in self.policy.kinds

    @cached_property
    def query_reader(self) -> QueryReader | None:
        """Reads the query string, if the operation takes any."""
        return QueryReader(self.query) if self.query else None

    @cached_property
    def decoder(self) -> "msgspec.json.Decoder[Any]":
        """Reads the JSON body."""
        return msgspec.json.Decoder(self.body)


def routes(operations: Iterable[Operation], services: Services) -> list[Route]:
    """One route per path, in the order in which the paths first appear."""
    by_path: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_path[operation.path].append(operation)
    return [
        Route(path, Endpoint(path, group, services), methods=["OPTIONS", *(one.method for one in group)])
        for path, group in by_path.items()
    ]


def without_parameters(routes: Iterable[Route]) -> dict[tuple[str, str], ASGIApp]:
    """The endpoints of those of the `routes` whose paths are always the same, by method and path."""
    return {
        (method, route.path): route.endpoint
        for route in routes
        if not route.param_convertors and isinstance(route.endpoint, Endpoint)
        for method in route.endpoint.operations
    }


class Endpoint:
    """The ASGI application of one path."""

    def __init__(self, path: str, operations: Iterable[Operation], services: Services) -> None:
        self.path = path.replace(":path}", "}")
        self.services = services
        self.operations = {one.method: one for one in operations}
        if "GET" in self.operations:
            self.operations.setdefault("HEAD", self.operations["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the caller and the request, run the operation's handler, send what it answers."""
        trace: Trace = scope["trace"]
        trace.route = self.path
        if scope["method"] == "OPTIONS":
            allowed = ", ".join(sorted({"OPTIONS", *self.operations})).encode()
            await _send(scope, send, 204, (*_PREFLIGHT_HEADERS, (b"allow", allowed)), b"")
            return
        operation = self.operations[scope["method"]]
        ownership = self.services.ownership
        if operation.needs_owner and not ownership.is_settled and not await ownership.settle():
            raise not_owned()
        call = Call(self.services, scope, receive, trace)
        if not operation.policy.public:
            call.principal, call.shop_id = await admit(
                operation.policy,
                self.services.credentials,
                self.services.limiter,
                self.services.shares,
                trace,
                operation.method,
                scope["query_string"],
            )
        work = self._serve(operation, call, send)
        await (self.services.shares.measured(call.shop_id, work) if call.shop_id else work)

    async def _serve(self, operation: Operation, call: Call, send: Send) -> None:
        scope = call.scope
        key = call.trace.headers.get(HEADER) if operation.is_done_once else None
        if key is None:
            await self._check(operation, call)
            await _answer(scope, call.receive, send, await _handled(operation, call))
        else:
            answer = await self._once(operation, call, key)
            await _send(scope, send, answer.status, answer.headers, answer.body)

    async def _once(self, operation: Operation, call: Call, key: bytes) -> Rendered:
        headers = call.trace.headers
        body = Fingerprint(call.receive, headers.get(b"content-type", b""))
        call.receive = body.receive

        async def work() -> Rendered:
            await self._check(operation, call)
            return _rendered(await _handled(operation, call))

        caller = (call.shop_id, call.principal.key_id, operation.method, call.scope["path"])
        return await once(key, caller, headers.get(b"authorization", b""), body, work)

    async def _check(self, operation: Operation, call: Call) -> None:
        if operation.parameters:
            call.path = path_values(call.path, operation.parameters)
        if operation.query_reader is not None:
            call.query = operation.query_reader.read(call.scope["query_string"])
        if operation.body is not None:
            check_media_type(call.trace.headers, operation.body_types)
            if not operation.body_streams:
                body = await read_body(call.receive, call.trace.headers, operation.body_max_bytes)
                call.body = decode(operation.decoder, body, operation.body)


async def _handled(operation: Operation, call: Call) -> AnyAnswer:
    if not operation.is_change:
        return await operation.handler(call)
    call.action = f"{operation.method} {operation.path.replace(':path}', '}')}"
    if not operation.changes_late:
        return await call.changed(partial(operation.handler, call))
    answer = await operation.handler(call)
    if call.action:
        raise TypeError(f"{call.action} did not make its change by `Call.changed`")
    return answer


async def _answer(scope: Scope, receive: Receive, send: Send, answer: AnyAnswer) -> None:
    if isinstance(answer, Response):
        await answer(scope, receive, send)
        return
    rendered = _rendered(answer)
    await _send(scope, send, rendered.status, rendered.headers, rendered.body)


def _rendered(answer: AnyAnswer) -> Rendered:
    """The answer's status, headers and body."""
    if isinstance(answer, Response):
        raise TypeError("An answer that streams cannot be kept")
    if not isinstance(answer, Answer):
        return Rendered(200, _JSON_HEADERS, _json.encode(answer))
    own = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.body is None:
        return Rendered(answer.status, (*own, _JSON_HEADERS[1]), b"")
    headers = _JSON_HEADERS
    if own:
        taken = {name for name, _ in own}
        headers = (*(pair for pair in _JSON_HEADERS if pair[0] not in taken), *own)
    body = answer.body if isinstance(answer.body, bytes) else _json.encode(answer.body)
    return Rendered(answer.status, headers, body)


async def _send(scope: Scope, send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    sized = headers if status == 204 else (*headers, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
