"""What holds for every call: ids, problems, limits, methods. A few operations of the test's own show the edges."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta
from redis.exceptions import ConnectionError as RedisAway
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from server.access.policies import PUBLIC, STOREFRONT
from server.api.operation import Answer, Call, Operation, routes
from server.api.reading import read_body


class Question(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 12
    price: Annotated[float, Meta(ge=0)] | None = None
    exclude: Annotated[list[Annotated[str, Meta(min_length=1, max_length=8)]], Meta(max_length=3)] = []
    in_stock: bool = True
    mode: Literal["near", "far"] = "near"
    word: str | None = None


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=10)]
    parts: list[Question] = []
    notes: dict[str, int] = {}


async def echo(call: Call) -> Answer:
    return Answer({"query": msgspec.to_builtins(call.query), "body": msgspec.to_builtins(call.body)})


async def broken(call: Call) -> Answer:
    raise {
        "redis": RedisAway("secret://address"),
        "disk": OSError(28, "No space left"),
        "hangup": ClientDisconnect(),
    }.get(call.path["how"], RuntimeError("select * from secrets"))


OWN = (
    Operation(
        method="GET",
        path="/own/echo",
        policy=PUBLIC,
        tag="t",
        summary="s",
        handler=echo,
        query=Question,
        answers={200: Thing},
    ),
    Operation(
        method="POST",
        path="/own/echo",
        policy=PUBLIC,
        tag="t",
        summary="s",
        handler=echo,
        body=Thing,
        body_max_bytes=1000,
        answers={200: Thing},
    ),
    Operation(
        method="GET", path="/own/broken/{how}", policy=PUBLIC, tag="t", summary="s", handler=broken, answers={200: None}
    ),
)


@pytest.fixture
def own(app: Starlette, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the application with the operations above."""
    app.router.routes[:0] = routes(OWN, app.state.services)
    return client


async def test_every_answer_carries_a_request_id(own: httpx.AsyncClient) -> None:
    given_ids = ["abc-123", "x" * 64]
    for address in ("/healthz", "/nowhere", "/v1/items", "/own/broken/anyhow"):
        answer = await own.get(address)
        assert re.fullmatch(r"req_[0-9a-f]{20}", answer.headers["x-request-id"])
        for given_id in given_ids:
            answer = await own.get(address, headers={"X-Request-Id": given_id})
            assert answer.headers["x-request-id"] == given_id
            if answer.is_error:
                assert answer.json()["request_id"] == given_id


@pytest.mark.parametrize("unsafe", ["x" * 65, "a b", "<script>", "", "é"])
async def test_unsafe_request_id_is_replaced(client: httpx.AsyncClient, unsafe: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-Id": unsafe.encode()})
    assert answer.headers["x-request-id"].startswith("req_")


async def test_unknown_address_and_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    missing = await client.get("/v1/nothing")
    wrong = await client.delete("/v1/shops")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) >= {"type", "title", "status", "detail", "request_id"}


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head("/healthz"), await client.get("/healthz")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


async def test_options_tells_the_methods(client: httpx.AsyncClient) -> None:
    assert (await client.options("/v1/shops")).headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_query_is_read_by_its_types(own: httpx.AsyncClient) -> None:
    answer = await own.get("/own/echo?limit=5&price=1.5&exclude=a&exclude=b&in_stock=false&unknown=1&word=%C3%A9+x")
    assert answer.json()["query"] == {
        "limit": 5,
        "price": 1.5,
        "exclude": ["a", "b"],
        "in_stock": False,
        "mode": "near",
        "word": "é x",
    }
    assert (await own.get("/own/echo?limit=&price=&exclude=a")).json()["query"]["limit"] == 12, "an empty form field"


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("limit=0", "/limit", "`limit` must be a whole number from 1 to 100."),
        ("limit=ten", "/limit", "`limit` must be a whole number from 1 to 100."),
        ("limit=1e3", "/limit", "whole number"),
        ("price=nan", "/price", "number"),
        ("price=inf", "/price", "`price` must be a finite number."),
        ("price=-1", "/price", "of at least 0"),
        ("mode=wide", "/mode", "`mode` must be one of `far`, `near`."),
        ("in_stock=perhaps", "/in_stock", "`in_stock` must be true or false."),
        ("exclude=123456789", "/exclude/0", "text of 1 to 8 characters"),
        ("exclude=a&exclude=b&exclude=c&exclude=d", "/exclude", "a list of at most 3 entries"),
    ],
)
async def test_wrong_query_says_what_to_send(own: httpx.AsyncClient, query: str, pointer: str, words: str) -> None:
    answer = await own.get(f"/own/echo?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert words in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "status", "pointer", "words"),
    [
        (b"", 400, None, "Send a JSON object"),
        (b"{", 400, None, "JSON"),
        (b'{"name": "a"} {}', 400, None, "JSON"),
        (b'{"name": "\xff"}', 400, None, "UTF-8"),
        (b'{"name": "\\ud800"}', 400, None, "JSON"),
        (b'{"name": "a", "more": ' + b"[" * 900, 400, None, "JSON"),
        (b"[]", 422, "", "an object"),
        (b"{}", 422, "/name", "`name` is missing. Send text of 1 to 10 characters."),
        (b'{"name": 5}', 422, "/name", "`name` must be text"),
        (b'{"name": "a", "parts": [{"limit": 5}, {"limit": 500}]}', 422, "/parts/1/limit", "from 1 to 100"),
        (b'{"name": "a", "notes": {"x/y": "z"}}', 422, None, "must be a whole number"),
        (b'{"name": "a", "x": "' + b"x" * 1000 + b'"}', 413, None, "1,000 bytes"),
    ],
)
async def test_wrong_body_says_what_to_send(
    own: httpx.AsyncClient, body: bytes, status: int, pointer: str | None, words: str
) -> None:
    answer = await own.post("/own/echo", content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert words in problem["detail"]
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/html"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_wrong_media_type_is_refused(own: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await own.post("/own/echo", content=b'{"name": "a"}', headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.text or "Send the body" in answer.text


@pytest.mark.parametrize(
    "how", ["Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"']
)
async def test_media_type_may_have_parameters(own: httpx.AsyncClient, how: str) -> None:
    answer = await own.post("/own/echo", content=b'{"name": "a"}', headers={"Content-Type": how})
    assert answer.status_code == 200


async def test_what_breaks_inside_stays_inside(own: httpx.AsyncClient) -> None:
    failed = await own.get("/own/broken/anyhow")
    assert (failed.status_code, "secrets" in failed.text) == (500, False)
    away = await own.get("/own/broken/redis")
    assert (away.status_code, away.headers["retry-after"], "secret" in away.text) == (503, "2", False)
    assert (await own.get("/own/broken/disk")).status_code == 507


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.text(st.characters(codec="utf-8"), max_size=60).map(lambda text: quote(text, safe="&=%+;,")),
    body=st.one_of(
        st.binary(max_size=60), st.recursive(st.none() | st.text() | st.integers(), st.lists).map(msgspec.json.encode)
    ),
)
async def test_no_request_breaks_the_reading(own: httpx.AsyncClient, query: str, body: bytes) -> None:
    address = httpx.URL("http://vitrina.test/own/echo", query=query.encode())
    assert (await own.get(address)).status_code in (200, 422)
    answer = await own.post("/own/echo", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 413, 422)


async def test_body_in_pieces_is_put_together_and_limited() -> None:
    def pieces(*parts: bytes) -> Any:
        waiting = [{"type": "http.request", "body": part, "more_body": part != parts[-1]} for part in parts]

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        return receive

    assert await read_body(pieces(b"ab", b"cd"), {}, 4) == b"abcd"
    with pytest.raises(Exception, match="too large"):
        await read_body(pieces(b"ab", b"cde"), {}, 4)
    with pytest.raises(Exception, match="too large"):
        await read_body(pieces(b"ab"), {b"content-length": b"5"}, 4)


def test_operation_without_a_policy_cannot_be_built() -> None:
    declared: dict[str, Any] = {"method": "GET", "path": "/x", "tag": "t", "summary": "s", "handler": echo}
    with pytest.raises(TypeError, match="policy"):
        Operation(**declared, answers={200: None})
    with pytest.raises(TypeError, match="policy"):
        Operation(**declared, policy=None, answers={200: None})
    with pytest.raises(TypeError, match="answers"):
        Operation(**declared, policy=STOREFRONT)
