"""Imports over HTTP: files go to disk, options are checked at the door, a task carries on."""

from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from server.app import build
from server.settings import Settings
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs
from server.tasks.models import RecommendationTask

CSV = b"sku,name,price\nSKU-1,Linen shirt,49.90\n"


async def upload(backend: httpx.AsyncClient, content: bytes = CSV, **fields: str) -> httpx.Response:
    return await backend.post("/v1/imports", data=fields, files={"file": ("catalog.csv", content, "text/csv")})


def left_behind(settings: Settings) -> list[Path]:
    return [path for path in (blobs.folder(settings) / "uploads").glob("*") if path.is_file()]


async def test_upload_becomes_a_task_with_its_file(backend: httpx.AsyncClient, settings: Settings) -> None:
    mapping = {"item_id": "sku", "title": "name", "currency": {"value": "EUR"}}
    answer = await upload(backend, format="csv", mapping=msgspec.json.encode(mapping).decode(), allow_shrink="true")
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/tasks/{answer.json()['id']}"
    task = await RecommendationTask.get(ACROSS_SHOPS, id=answer.json()["id"])
    assert (task.kind, task.params["filename"], task.params["url"]) == ("import", "catalog.csv", None)
    assert (task.params["mapping"], task.params["allow_shrink"]) == (mapping, True)
    assert blobs.path_of(settings, task.params["blob"]).read_bytes() == CSV


async def test_fields_may_follow_the_file(backend: httpx.AsyncClient) -> None:
    parts = [("file", ("c.csv", CSV)), ("format", (None, "csv")), ("mode", (None, "replace"))]
    answer = await backend.post("/v1/imports", files=parts)
    assert answer.status_code == 202
    task = await RecommendationTask.get(ACROSS_SHOPS, id=answer.json()["id"])
    assert (task.params["format"], task.params["mode"]) == ("csv", "replace")


async def test_address_becomes_a_task(backend: httpx.AsyncClient) -> None:
    body = {"url": "https://shop.example/feed.xml", "format": "google"}
    answer = await backend.post("/v1/imports", json=body)
    assert answer.status_code == 202
    task = await RecommendationTask.get(ACROSS_SHOPS, id=answer.json()["id"])
    assert (task.params["url"], task.params["format"]) == ("https://shop.example/feed.xml", "google")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"format": "excel"}, "/format"),
        ({"mode": "delete"}, "/mode"),
        ({"kind": "orders"}, "/kind"),
        ({"kind": "events", "mode": "replace"}, "/mode"),
        ({"mapping": "sku=item_id"}, "/mapping"),
        ({"mapping": '{"item_id": 5}'}, "/mapping"),
        ({"currency": "EURO"}, "/currency"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"allow_shrink": "perhaps"}, "/allow_shrink"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_wrong_option_is_named_and_leaves_no_file(
    backend: httpx.AsyncClient, settings: Settings, fields: dict[str, str], pointer: str
) -> None:
    answer = await upload(backend, **fields)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert left_behind(settings) == []
    assert await RecommendationTask.filter(ACROSS_SHOPS).count() == 0


@pytest.mark.parametrize("url", ["ftp://shop.example/feed.xml", "file:///etc/passwd", "shop.example", ""])
async def test_address_must_be_one_of_the_web(backend: httpx.AsyncClient, url: str) -> None:
    assert (await backend.post("/v1/imports", json={"url": url})).status_code == 422


async def test_form_without_a_file_says_so(backend: httpx.AsyncClient) -> None:
    answer = await backend.post("/v1/imports", files={"format": (None, "csv")})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"nonsense", 400),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf', 400),
        ("multipart/form-data; boundary=" + "b" * 500, b"--", 400),
        ("text/csv", CSV, 415),
        ("application/json", b"", 400),
    ],
    ids=["no boundary", "no form", "half a form", "long boundary", "no form at all", "empty"],
)
async def test_broken_form_is_refused(
    backend: httpx.AsyncClient, settings: Settings, content_type: str, body: bytes, status: int
) -> None:
    answer = await backend.post("/v1/imports", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert left_behind(settings) == []


async def test_file_above_the_limit_is_refused_and_removed(
    settings: Settings, owner: object, keys: tuple[str, str]
) -> None:
    small: Starlette = build(msgspec.structs.replace(settings, import_max_bytes=1000))
    transport = httpx.ASGITransport(small)
    headers = {"Authorization": f"Bearer {keys[1]}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test", headers=headers) as backend:
        answer = await upload(backend, b"x" * 1001)
    assert answer.status_code == 413
    assert "1,000 bytes" in answer.json()["detail"]
    assert left_behind(settings) == []


async def test_full_disk_is_told_as_such(backend: httpx.AsyncClient, settings: Settings, monkeypatch) -> None:
    monkeypatch.setattr("server.api.imports._SPARE_BYTES", 1 << 60)
    answer = await upload(backend)
    assert answer.status_code == 507
    assert "space" in answer.json()["detail"]
