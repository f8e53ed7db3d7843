"""Keys over HTTP: who may do what, from where, and how soon a key is worth nothing."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from server.access.models import ApiKey
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import messages
from server.storage import redis as redis_storage

PAGE = "https://shop.example"


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} | more


async def test_made_key_works_and_is_shown_once(backend: httpx.AsyncClient) -> None:
    made = (await backend.post("/v1/keys", json={"kind": "secret", "name": "ERP"})).json()
    assert made["key"].startswith("vsk_")
    assert len(made["key"]) == 36
    assert (await backend.get("/v1/items", headers=bearer(made["key"]))).status_code == 200
    listed = await backend.get("/v1/keys")
    assert made["key"] not in listed.text
    assert made["id"] in [key["id"] for key in listed.json()["data"]]
    stored = await ApiKey.get(ACROSS_SHOPS, id=made["id"])
    assert made["key"] not in str(dict(stored)), "only a hash of a key is stored"


async def test_revoked_key_is_refused_at_once(backend: httpx.AsyncClient) -> None:
    made = (await backend.post("/v1/keys", json={"kind": "secret"})).json()
    assert (await backend.get("/v1/items", headers=bearer(made["key"]))).status_code == 200
    assert (await backend.delete(f"/v1/keys/{made['id']}")).status_code == 204
    assert (await backend.get("/v1/items", headers=bearer(made["key"]))).status_code == 401
    assert made["id"] not in (await backend.get("/v1/keys")).text
    assert (await backend.delete(f"/v1/keys/{made['id']}")).status_code == 404


async def test_key_revoked_by_another_process_is_refused_within_a_second(
    backend: httpx.AsyncClient, settings: Settings, shop: Shop
) -> None:
    made = (await backend.post("/v1/keys", json={"kind": "secret"})).json()
    for _ in range(3):
        assert (await backend.get("/v1/items", headers=bearer(made["key"]))).status_code == 200
        await asyncio.sleep(0.3)
    await ApiKey.filter(ACROSS_SHOPS, id=made["id"]).delete()  # as another process would, and its message got lost
    await asyncio.sleep(1.0)
    assert (await backend.get("/v1/items", headers=bearer(made["key"]))).status_code == 401


async def test_message_about_keys_is_heard_long_before(backend: httpx.AsyncClient, settings: Settings) -> None:
    made = (await backend.post("/v1/keys", json={"kind": "secret"})).json()
    await backend.get("/v1/items", headers=bearer(made["key"]))
    await ApiKey.filter(ACROSS_SHOPS, id=made["id"]).delete()
    other_process = redis_storage.connect(settings)
    await messages.publish(other_process, messages.Message("keys-changed", "shop_test"))
    await other_process.aclose()
    await asyncio.sleep(0.1)
    assert (await backend.get("/v1/items", headers=bearer(made["key"]))).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Basic dXNlcjpwYXNz", "Bearer nonsense", "Bearer vsk_" + "x" * 32, "Bearer vpk_short", "Bearer é"],
)
async def test_without_a_known_key_nothing_opens(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/v1/items", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="vitrina"')
    assert answer.headers["content-type"] == "application/problem+json"


async def test_publishable_key_opens_the_storefront_only(
    client: httpx.AsyncClient, backend: httpx.AsyncClient, keys: tuple[str, str]
) -> None:
    await backend.put("/v1/items/SKU-1", json={"title": "Shirt"})
    publishable = bearer(keys[0])
    assert (await client.get("/v1/items/SKU-1", headers=publishable)).status_code == 200
    for method, address in (("GET", "/v1/items"), ("DELETE", "/v1/items/SKU-1"), ("GET", "/v1/tasks")):
        assert (await client.request(method, address, headers=publishable)).status_code == 403


async def test_publishable_key_may_be_part_of_the_address_and_no_other_key(
    client: httpx.AsyncClient, keys: tuple[str, str]
) -> None:
    assert (await client.get("/v1/items/none", params={"key": keys[0]})).status_code == 404
    refused = await client.get("/v1/items", params={"key": keys[1]})
    assert refused.status_code == 401
    assert keys[1] not in refused.text


async def test_secret_key_in_a_browser_is_refused(backend: httpx.AsyncClient) -> None:
    answer = await backend.get("/v1/items", headers={"Origin": PAGE})
    assert answer.status_code == 403
    assert "browser" in answer.json()["detail"]


async def test_publishable_key_works_only_on_pages_it_lists(
    client: httpx.AsyncClient, backend: httpx.AsyncClient
) -> None:
    body = {"kind": "publishable", "origins": ["https://Shop.Example:443", "http://localhost:3000"]}
    made = (await backend.post("/v1/keys", json=body)).json()
    assert made["origins"] == [PAGE, "http://localhost:3000"]
    here = await client.get("/v1/items/none", params={"key": made["key"]}, headers={"Origin": PAGE})
    assert here.status_code == 404
    assert here.headers["access-control-allow-origin"] == PAGE
    assert "Origin" in here.headers["vary"]
    elsewhere = await client.get(
        "/v1/items/none", params={"key": made["key"]}, headers={"Origin": "https://shop.example.evil.test"}
    )
    assert elsewhere.status_code == 403
    assert (await client.get("/v1/items/none", params={"key": made["key"]})).status_code == 404, "no browser, no origin"


async def test_unrestricted_key_works_on_every_page(client: httpx.AsyncClient, keys: tuple[str, str]) -> None:
    answer = await client.get("/v1/items/none", params={"key": keys[0]}, headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, "*")
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


async def test_browser_may_send_events_without_asking_first(client: httpx.AsyncClient, keys: tuple[str, str]) -> None:
    body = b'{"events": [{"type": "view_item", "item_id": "SKU-1", "session_id": "s1"}]}'
    answer = await client.post(
        "/v1/events", params={"key": keys[0]}, content=body, headers={"Content-Type": "text/plain", "Origin": PAGE}
    )
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (202, "*")
    assert answer.json()["accepted"] == 1


async def test_preflight_is_answered_without_a_key(client: httpx.AsyncClient) -> None:
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    answer = await client.options("/v1/events", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "admin"},
        {"kind": "secret", "origins": [PAGE]},
        {"kind": "publishable", "origins": ["shop.example"]},
        {"kind": "publishable", "origins": ["https://shop.example/path"]},
        {"kind": "publishable", "name": "a\u0000b"},
        {},
    ],
)
async def test_impossible_key_is_refused_in_plain_words(backend: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await backend.post("/v1/keys", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"]


async def test_operator_makes_keys_for_the_shop_he_names(
    client: httpx.AsyncClient, operator_key: str, shop: Shop
) -> None:
    headers = bearer(operator_key, **{"Vitrina-Shop": shop.id})
    made = await client.post("/v1/keys", json={"kind": "secret"}, headers=headers)
    assert made.status_code == 201
    assert (await client.get("/v1/items", headers=bearer(made.json()["key"]))).status_code == 200
    unnamed = await client.get("/v1/keys", headers=bearer(operator_key))
    assert unnamed.status_code == 422
    assert (await client.get("/v1/keys", headers=bearer(operator_key, **{"Vitrina-Shop": "none"}))).status_code == 404
    assert (await client.get("/v1/items", headers=headers)).status_code == 403, "the operator has no part in a catalog"


async def test_secret_key_cannot_name_another_shop(
    backend: httpx.AsyncClient, other_shop: Shop, other_keys: tuple[str, str]
) -> None:
    listed = (await backend.get("/v1/keys", headers={"Vitrina-Shop": other_shop.id})).json()["data"]
    assert {key["last4"] for key in listed}.isdisjoint({other_keys[0][-4:], other_keys[1][-4:]})
    theirs = await ApiKey.filter(shop_id=other_shop.id).first()
    assert theirs is not None
    assert (await backend.delete(f"/v1/keys/{theirs.id}")).status_code == 404


async def test_keys_never_reach_the_log(
    app: Starlette, client: httpx.AsyncClient, keys: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    await client.get("/v1/items/none", params={"key": keys[0]})
    await client.get("/v1/items", headers=bearer(keys[1]))
    written = "".join(capfd.readouterr())
    assert keys[0] not in written
    assert keys[1] not in written
