"""A key's life over HTTP: its end, its successor, its last use, a change of its pages; and that it is never told."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
from starlette.applications import Starlette

from server import logs
from server.access import keys as access_keys
from server.access.models import ApiKey
from server.api import metrics
from server.settings import Settings
from server.shops.models import Shop

PAGE = "https://shop.example"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def status(client: httpx.AsyncClient, key: str) -> int:
    return (await client.get("/v1/items/none", headers=bearer(key))).status_code


async def test_key_with_an_end_stops_working_then(backend: httpx.AsyncClient, app: Starlette) -> None:
    end = datetime.now(UTC) + timedelta(days=30)
    made = (await backend.post("/v1/keys", json={"kind": "secret", "expires_at": end.isoformat()})).json()
    assert datetime.fromisoformat(made["expires_at"]) == end
    assert await status(backend, made["key"]) == 404
    await ApiKey.filter(shop_id="shop_test", id=made["id"]).update(expires_at=datetime.now(UTC))
    app.state.services.credentials.forget()  # what a second does
    assert await status(backend, made["key"]) == 401
    assert made["id"] not in (await backend.get("/v1/keys")).text
    assert (await backend.delete(f"/v1/keys/{made['id']}")).status_code == 204, "it may still be revoked"


@pytest.mark.parametrize("end", ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2030-01-01T00:00:00", "soon"])
async def test_impossible_end_is_refused(backend: httpx.AsyncClient, end: str) -> None:
    answer = await backend.post("/v1/keys", json={"kind": "secret", "expires_at": end})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expires_at"


async def test_rotated_key_and_its_successor_work_side_by_side(backend: httpx.AsyncClient, app: Starlette) -> None:
    body = {"kind": "publishable", "name": "Web shop", "origins": [PAGE]}
    old = (await backend.post("/v1/keys", json=body)).json()
    answer = await backend.post(f"/v1/keys/{old['id']}/rotate", json={"overlap_s": 3600})
    new = answer.json()
    assert answer.status_code == 201
    assert (new["kind"], new["name"], new["origins"], new["expires_at"]) == ("publishable", "Web shop", [PAGE], None)
    assert new["key"] != old["key"]
    assert await status(backend, old["key"]) == await status(backend, new["key"]) == 404
    listed = {key["id"]: key for key in (await backend.get("/v1/keys")).json()["data"]}
    ends_in = datetime.fromisoformat(listed[old["id"]]["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < ends_in <= timedelta(hours=1)
    await ApiKey.filter(shop_id="shop_test", id=old["id"]).update(expires_at=datetime.now(UTC))
    app.state.services.credentials.forget()
    assert (await status(backend, old["key"]), await status(backend, new["key"])) == (401, 404)


async def test_rotation_without_overlap_ends_the_old_key_at_once(backend: httpx.AsyncClient) -> None:
    old = (await backend.post("/v1/keys", json={"kind": "secret"})).json()
    assert await status(backend, old["key"]) == 404
    new = (await backend.post(f"/v1/keys/{old['id']}/rotate", json={"overlap_s": 0})).json()
    assert (await status(backend, old["key"]), await status(backend, new["key"])) == (401, 404)
    assert (await backend.post(f"/v1/keys/{old['id']}/rotate", json={})).status_code == 404


async def test_rotation_never_lengthens_a_life(backend: httpx.AsyncClient) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    old = (await backend.post("/v1/keys", json={"kind": "secret", "expires_at": end.isoformat()})).json()
    await backend.post(f"/v1/keys/{old['id']}/rotate", json={"overlap_s": 86400})
    listed = {key["id"]: key for key in (await backend.get("/v1/keys")).json()["data"]}
    assert datetime.fromisoformat(listed[old["id"]]["expires_at"]) == end


async def test_key_of_another_shop_is_neither_changed_nor_rotated(backend: httpx.AsyncClient, other_shop: Shop) -> None:
    theirs, raw = await access_keys.create(other_shop, "publishable")
    for method, address, body in (("PATCH", "", {"origins": [PAGE]}), ("POST", "/rotate", {"overlap_s": 0})):
        answer = await backend.request(method, f"/v1/keys/{theirs.id}{address}", json=body)
        assert answer.status_code == 404
    assert await status(backend, raw) == 404
    assert (await ApiKey.get(shop_id=other_shop.id, id=theirs.id)).origins == []


async def test_changed_pages_count_from_the_next_request(backend: httpx.AsyncClient) -> None:
    made = (await backend.post("/v1/keys", json={"kind": "publishable"})).json()
    from_page = {"params": {"key": made["key"]}, "headers": {"Origin": "https://elsewhere.example"}}
    async with httpx.AsyncClient(transport=backend._transport, base_url="http://vitrina.test") as page:
        assert (await page.get("/v1/items/none", **from_page)).status_code == 404
        changed = await backend.patch(f"/v1/keys/{made['id']}", json={"origins": ["https://SHOP.example:443"]})
        assert (changed.status_code, changed.json()["origins"]) == (200, [PAGE])
        assert (await page.get("/v1/items/none", **from_page)).status_code == 403
    named = await backend.patch(f"/v1/keys/{made['id']}", json={"name": "App"})
    assert (named.json()["name"], named.json()["origins"]) == ("App", [PAGE])
    secret = (await backend.post("/v1/keys", json={"kind": "secret"})).json()
    assert (await backend.patch(f"/v1/keys/{secret['id']}", json={"origins": [PAGE]})).status_code == 422


async def test_last_use_is_known_and_costs_no_write_for_each_request(
    backend: httpx.AsyncClient, app: Starlette
) -> None:
    made = (await backend.post("/v1/keys", json={"kind": "secret"})).json()
    assert made["last_used_at"] is None
    for _ in range(3):
        await status(backend, made["key"])
    assert (await ApiKey.get(shop_id="shop_test", id=made["id"])).last_used_at is None
    await app.state.services.credentials.keep_last_use()
    used = {key["id"]: key["last_used_at"] for key in (await backend.get("/v1/keys")).json()["data"]}
    assert abs(datetime.fromisoformat(used[made["id"]]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_last_use_is_kept_when_the_process_ends(settings: Settings, shop: Shop, keys, owner) -> None:
    from server.app import build

    application = build(settings)
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test") as client:
            assert await status(client, keys.secret) == 404
    from server.storage import database

    await database.connect(settings)
    rows = {row.last4: row.last_used_at for row in await shop.keys.all()}
    assert rows[keys.secret[-4:]] is not None
    assert rows[keys.publishable[-4:]] is None


@pytest.fixture
def own_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets a test set up the logs, and puts them back."""
    monkeypatch.setattr(logs, "_fast_requests", False)
    yield
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], level=logging.WARNING, force=True)


async def test_key_is_in_no_log_no_error_and_no_figure(
    app: Starlette,
    own_logs: None,
    keys,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a fault inside")

    logs.set_up(Settings(data_folder=settings.data_folder, log_level="debug", log_format="json"))
    told: list[str] = []
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test") as client:
        for key in (*keys, "vsk_" + "w" * 32):
            for params, headers in (({"key": key}, {}), ({}, bearer(key)), ({}, {"Authorization": f"Basic {key}"})):
                told.append((await client.get("/v1/items/none", params=params, headers=headers)).text)
        monkeypatch.setattr(app.state.services.queue, "enqueue", breaks)
        broken = await client.post("/v1/tasks", json={"kind": "train"}, headers=bearer(keys.secret))
        assert broken.status_code == 500
        told.append(broken.text)
    logs.flush()
    told += [*capfd.readouterr(), metrics.render().decode()]
    assert any("a fault inside" in text for text in told), "the traceback is in the log"
    for key in (*keys, "vsk_" + "w" * 32):
        assert not any(key in text for text in told)
