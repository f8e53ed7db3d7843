"""Shops over HTTP: the operator opens them, everyone sees their own."""

import httpx
import pytest

from server.shops.models import Shop


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_new_shop_comes_with_two_working_keys(client: httpx.AsyncClient, operator_key: str) -> None:
    body = {"name": "Café Müller", "currency": "CHF", "locale": "de-CH", "timezone": "Europe/Zurich"}
    answer = await client.post("/v1/shops", json=body, headers=bearer(operator_key))
    assert answer.status_code == 201
    shop = answer.json()
    assert (shop["slug"], shop["currency"], shop["timezone"]) == ("cafe-muller", "CHF", "Europe/Zurich")
    assert (await client.get("/v1/items", headers=bearer(shop["keys"]["secret"]))).json()["data"] == []
    assert (await client.get("/v1/items/x", headers=bearer(shop["keys"]["publishable"]))).status_code == 404


async def test_slug_is_made_unique_but_a_taken_one_is_a_conflict(client: httpx.AsyncClient, operator_key: str) -> None:
    headers = bearer(operator_key)
    first = (await client.post("/v1/shops", json={"name": "Linen"}, headers=headers)).json()
    second = (await client.post("/v1/shops", json={"name": "Linen"}, headers=headers)).json()
    assert (first["slug"], second["slug"]) == ("linen", "linen-2")
    taken = await client.post("/v1/shops", json={"name": "Third", "slug": "linen"}, headers=headers)
    assert taken.status_code == 409
    assert await Shop.all().count() == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "a\u0000"}, "/name"),
        ({"name": "A", "slug": "Not a slug"}, "/slug"),
        ({"name": "A", "currency": "euro"}, "/currency"),
        ({"name": "A", "currency": "ZZZ"}, "/currency"),
        ({"name": "A", "timezone": "Mars/Olympus"}, "/timezone"),
        ({"name": "A", "timezone": "../../etc/passwd"}, "/timezone"),
        ({"name": "A", "locale": "x"}, "/locale"),
    ],
)
async def test_wrong_field_is_named(
    client: httpx.AsyncClient, operator_key: str, body: dict[str, str], pointer: str
) -> None:
    answer = await client.post("/v1/shops", json=body, headers=bearer(operator_key))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_only_the_operator_opens_shops(backend: httpx.AsyncClient) -> None:
    assert (await backend.post("/v1/shops", json={"name": "Mine"})).status_code == 403


async def test_operator_lists_all_shops_and_a_key_its_own(
    backend: httpx.AsyncClient, operator_key: str, shop: Shop, other_shop: Shop
) -> None:
    own = (await backend.get("/v1/shops")).json()
    assert [one["id"] for one in own["data"]] == [shop.id]
    first = (await backend.get("/v1/shops", params={"limit": 1}, headers=bearer(operator_key))).json()
    params = {"limit": 1, "cursor": first["next_cursor"]}
    second = (await backend.get("/v1/shops", params=params, headers=bearer(operator_key))).json()
    assert {first["data"][0]["id"], second["data"][0]["id"]} == {shop.id, other_shop.id}
    assert second["next_cursor"] is None


async def test_settings_are_changed_one_by_one(backend: httpx.AsyncClient, shop: Shop) -> None:
    address = f"/v1/shops/{shop.id}"
    assert (await backend.patch(address, json={"settings": {"new_items_share": 0.2}})).status_code == 200
    changed = (await backend.patch(address, json={"settings": {"training": "manual"}, "name": "Linen & Co"})).json()
    assert changed["settings"] == {
        "new_items_share": 0.2,
        "training": "manual",
        "index": "auto",
        "retention_days": None,
    }
    assert (changed["name"], changed["currency"]) == ("Linen & Co", "EUR")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"settings": {"new_items_share": 2}}, "/settings"),
        ({"settings": {"nightly": True}}, "/settings"),
        ({"timezone": "Nowhere/Land"}, "/timezone"),
    ],
)
async def test_settings_that_are_none_change_nothing(
    backend: httpx.AsyncClient, shop: Shop, body: dict[str, object], pointer: str
) -> None:
    answer = await backend.patch(f"/v1/shops/{shop.id}", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    await shop.refresh_from_db()
    assert (shop.settings, shop.timezone) == ({}, "UTC")


async def test_key_changes_no_other_shop(
    backend: httpx.AsyncClient, client: httpx.AsyncClient, operator_key: str, other_shop: Shop
) -> None:
    address = f"/v1/shops/{other_shop.id}"
    assert (await backend.patch(address, json={"name": "Mine"})).status_code == 404
    assert (await client.patch(address, json={"name": "New"}, headers=bearer(operator_key))).json()["name"] == "New"
