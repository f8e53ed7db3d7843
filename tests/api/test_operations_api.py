"""The calls for whoever runs the server, and the files that pages load."""

import time
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from starlette.applications import Starlette

from server.api import metrics, widget
from server.app import build
from server.settings import Settings
from server.tasks.queue import WORKERS_KEY


async def test_ready_with_a_worker_and_degraded_without(client: httpx.AsyncClient, redis: Redis) -> None:
    without = await client.get("/readyz")
    assert (without.status_code, without.json()["status"]) == (200, "degraded")
    assert "worker" in without.json()["parts"]["worker"]["detail"]
    await redis.zadd(WORKERS_KEY, {"worker-1": time.time()})
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert set(answer.json()["parts"]) >= {"database", "redis", "worker", "encoder"}
    assert answer.json()["parts"]["encoder"]["detail"]


async def test_unavailable_when_redis_is_away(
    app: Starlette, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Redis.from_url("unix:///nowhere/redis.sock")
    monkeypatch.setattr(app.state.services.redis, "connection_pool", elsewhere.connection_pool)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert not answer.json()["parts"]["redis"]["ready"]
    assert "/nowhere" not in answer.text, "an address may hold a password"
    assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_figures_count_by_route_and_by_shop_and_name_no_item(backend: httpx.AsyncClient) -> None:
    await backend.get("/v1/items/SECRET-SKU")
    await backend.request("BREW", "/v1/items/SECRET-SKU")
    text = (await backend.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    counted = [one for one in samples if one.name == "vitrina_http_request_seconds_count"]
    assert any(one.labels == {"method": "GET", "route": "/v1/items/{item_id}", "status": "404"} for one in counted)
    assert any(one.labels["method"] == "other" for one in counted)
    assert "SECRET-SKU" not in text
    of_shops = [one for one in samples if one.name == "vitrina_shop_requests_total"]
    assert any(one.labels == {"shop": "shop_test", "status": "404"} for one in of_shops)


async def test_any_number_of_shops_makes_no_more_figures(backend: httpx.AsyncClient) -> None:
    for number in range(2_000):
        metrics.observe("GET", "/v1/items", 200, 0.001, f"shop_of_many_{number}")
    text = (await backend.get("/metrics")).text
    assert text.count('vitrina_shop_requests_total{shop="shop_of_many_') <= 200
    assert 'vitrina_shop_requests_total{shop="other",status="200"}' in text


@pytest.mark.parametrize(
    ("choices", "address", "sent", "status"),
    [
        ({}, "127.0.0.1", "", 200),
        ({}, "::1", "", 200),
        ({}, "192.0.2.7", "", 401),
        ({}, "", "", 401),
        ({"public_url": "https://recommend.example"}, "127.0.0.1", "", 401),
        ({"metrics_token": "0123456789abcdef"}, "127.0.0.1", "", 401),
        ({"metrics_token": "0123456789abcdef"}, "127.0.0.1", "Bearer 0123456789abcdeg", 401),
        ({"metrics_token": "0123456789abcdef"}, "192.0.2.7", "Bearer 0123456789abcdef", 200),
        ({"public_url": "https://recommend.example"}, "127.0.0.1", "Bearer ", 401),
    ],
)
async def test_figures_are_for_whom_the_operator_names(
    settings: Settings, db: None, choices: dict[str, str], address: str, sent: str, status: int
) -> None:
    # not started: that needs neither database nor Redis
    transport = httpx.ASGITransport(build(msgspec.structs.replace(settings, **choices)), client=(address, 1))
    headers = {"Authorization": sent} if sent else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test") as client:
        answer = await client.get("/metrics", headers=headers)
        assert answer.status_code == status
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "VITRINA_METRICS_TOKEN" in answer.json()["detail"]
            assert "0123456789" not in answer.text


async def test_widget_is_cacheable_and_not_sent_twice(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "v1.js"
    script.write_text("window.vitrina = {};" * 50)
    monkeypatch.setattr(widget, "SCRIPT", script)
    first = await client.get("/widget/v1.js")
    assert first.headers["content-type"].startswith("text/javascript")
    assert "max-age=300" in first.headers["cache-control"]
    assert first.headers["content-encoding"] == "gzip"
    assert first.text == script.read_text()
    second = await client.get("/widget/v1.js", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")
    script.write_text("changed")
    assert (await client.get("/widget/v1.js")).text == "changed"


async def test_one_version_of_the_widget_never_changes_and_has_a_hash(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.4.2").mkdir()
    (tmp_path / "1.4.2" / "widget.js").write_text("window.vitrina = {};")
    (tmp_path / "release.json").write_text('{"version": "1.4.2", "integrity": "sha384-x"}')
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "widget.js").write_text("secret")
    monkeypatch.setattr(widget, "SCRIPT", tmp_path / "v1.js")
    release = await client.get("/widget/release.json")
    assert release.json() == {"version": "1.4.2", "integrity": "sha384-x"}
    found = await client.get("/widget/1.4.2/widget.js")
    assert "immutable" in found.headers["cache-control"]
    assert found.headers["access-control-allow-origin"] == "*", "else `integrity` cannot be checked"
    assert found.text == "window.vitrina = {};"
    for version in ("1.4.3", "secret", "..%2Fsecret", "1.4.2%2F..%2Fsecret"):
        assert (await client.get(f"/widget/{version}/widget.js")).status_code == 404


async def test_widget_that_was_not_built_says_so_in_the_console(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widget, "SCRIPT", tmp_path / "missing.js")
    answer = await client.get("/widget/v1.js")
    assert answer.status_code == 200
    assert "console.warn" in answer.text


async def test_docs_and_document_are_served(client: httpx.AsyncClient) -> None:
    page, document = await client.get("/docs"), await client.get("/openapi.json")
    assert page.headers["content-type"].startswith("text/html")
    assert "https://" not in page.text.replace("https://shop.example", ""), "nothing comes from elsewhere"
    for path in document.json()["paths"]:
        assert path in page.text
    assert (await client.get("/")).headers["location"] == "/demo"
