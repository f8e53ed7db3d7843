"""A POST that is sent again with one Idempotency-Key is done once and answered twice."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from server.access.models import ApiKey
from server.shops.answers import KeptAnswer
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.tasks.models import RecommendationTask
from tests.conftest import ShopKeys

ONCE = {"Idempotency-Key": "7b0f3f0e-once"}


async def make_key(client: httpx.AsyncClient, body: Any = None, **headers: str) -> httpx.Response:
    return await client.post("/v1/keys", json=body or {"kind": "secret", "name": "ERP"}, headers=headers or ONCE)


async def test_same_request_is_done_once_and_answered_again(backend: httpx.AsyncClient, shop: Shop) -> None:
    before = await shop.keys.all().count()  # type: ignore[attr-defined]
    first, again = await make_key(backend), await make_key(backend)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert await ApiKey.filter(shop_id=shop.id).count() == before + 1
    other = await make_key(backend, **{"Idempotency-Key": "another"})
    assert other.json()["id"] != first.json()["id"]


async def test_kept_answer_tells_nothing_to_who_reads_the_database(backend: httpx.AsyncClient) -> None:
    made = (await make_key(backend)).json()
    (kept,) = await KeptAnswer.all()
    assert made["key"] not in str(dict(kept))
    assert made["key"].encode() not in bytes(kept.content)
    assert made["id"].encode() not in bytes(kept.content)


async def test_another_body_under_the_same_key_is_refused(backend: httpx.AsyncClient) -> None:
    await make_key(backend)
    answer = await make_key(backend, {"kind": "secret", "name": "Other"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/Idempotency-Key"


async def test_refused_request_may_be_corrected_and_sent_again(backend: httpx.AsyncClient) -> None:
    assert (await make_key(backend, {"kind": "nonsense"})).status_code == 422
    assert (await make_key(backend)).status_code == 201


async def test_second_request_beside_the_first_is_told_to_wait(backend: httpx.AsyncClient) -> None:
    part = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid,title\nA,Hat\n'
    headers = ONCE | {"Content-Type": "multipart/form-data; boundary=edge"}
    may_go, came = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield part
        came.set()
        await may_go.wait()
        yield b"\r\n--edge--\r\n"

    async def send(content: Any) -> httpx.Response:
        return await backend.post("/v1/imports", content=content, headers=headers)

    first = asyncio.create_task(send(slow()))
    await came.wait()
    whole = part + b"\r\n--edge--\r\n"
    beside = await send(whole)
    assert (beside.status_code, beside.headers["retry-after"]) == (409, "1")
    may_go.set()
    assert (await first).status_code == 202
    again = await send(whole)
    assert again.json() == (await first).json()
    assert again.headers["location"] == (await first).headers["location"]


async def test_failed_request_may_be_sent_again(
    app: Starlette, backend: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(app.state.services.queue, "enqueue", breaks)
        assert (await backend.post("/v1/tasks", json={"kind": "train"}, headers=ONCE)).status_code == 500
    assert (await backend.post("/v1/tasks", json={"kind": "train"}, headers=ONCE)).status_code == 202


async def test_file_sent_again_is_imported_once_though_its_form_has_another_boundary(
    backend: httpx.AsyncClient,
) -> None:
    async def send(content: str) -> httpx.Response:
        return await backend.post("/v1/imports", files={"file": ("a.csv", content)}, headers=ONCE)

    first, again, other = await send("id,title\nA,Hat\n"), await send("id,title\nA,Hat\n"), await send("id\nB\n")
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json()["id"] == first.json()["id"]
    assert await RecommendationTask.filter(ACROSS_SHOPS, kind="import").count() == 1


async def test_scope_is_the_shop_the_credential_and_the_route(
    client: httpx.AsyncClient, backend: httpx.AsyncClient, other_keys: ShopKeys
) -> None:
    mine = (await make_key(backend)).json()
    theirs = await make_key(client, Authorization=f"Bearer {other_keys.secret}", **ONCE)
    with_new_key = await make_key(client, Authorization=f"Bearer {mine['key']}", **ONCE)
    task = await backend.post("/v1/tasks", json={"kind": "train"}, headers=ONCE)
    ids = {mine["id"], theirs.json()["id"], with_new_key.json()["id"], task.json()["id"]}
    assert len(ids) == 4


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
async def test_impossible_key_is_refused(backend: httpx.AsyncClient, key: str) -> None:
    answer = await backend.post("/v1/tasks", json={"kind": "train"}, headers={"Idempotency-Key": key.encode()})
    assert answer.status_code == 422
