"""The catalog over HTTP: put, change, read, list, remove, and in batches."""

from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.shops.tenancy import ACROSS_SHOPS
from server.tasks.models import RecommendationTask

SHIRT = {"title": "Linen shirt", "price": 49.9, "categories": ["Men > Shirts"], "url": "https://shop.example/shirt"}
ITEM_IDS = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff"), min_size=1, max_size=128
).filter(lambda text: text not in (".", "..") and len(text.encode()) < 1000)


async def test_item_is_created_then_replaced_then_read(backend: httpx.AsyncClient) -> None:
    created = await backend.put("/v1/items/SKU-1", json=SHIRT)
    replaced = await backend.put("/v1/items/SKU-1", json={"title": "Silk shirt"})
    read = await backend.get("/v1/items/SKU-1")
    assert (created.status_code, replaced.status_code, read.status_code) == (201, 200, 200)
    assert created.json()["price"] == 49.9
    assert created.json()["currency"] == "EUR", "the shop's own currency completes a price"
    assert (read.json()["title"], read.json()["price"]) == ("Silk shirt", None)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(item_id=ITEM_IDS)
async def test_any_item_id_can_be_an_address(backend: httpx.AsyncClient, item_id: str) -> None:
    address = f"/v1/items/{quote(item_id, safe='')}"
    put = await backend.put(address, json=SHIRT)
    assert put.status_code in (200, 201), put.text
    read = await backend.get(address)
    assert read.json()["item_id"] == item_id
    assert (await backend.delete(address)).status_code == 204
    assert (await backend.get(address)).status_code == 404


async def test_item_named_like_another_address_is_an_item_all_the_same(backend: httpx.AsyncClient) -> None:
    assert (await backend.put("/v1/items/batch", json=SHIRT)).status_code == 201
    assert (await backend.get("/v1/items/batch")).json()["item_id"] == "batch"


@pytest.mark.parametrize("item_id", ["%00", "a%09b", "x" * 129])
async def test_impossible_item_id_is_refused_in_plain_words(backend: httpx.AsyncClient, item_id: str) -> None:
    answer = await backend.put(f"/v1/items/{item_id}", json=SHIRT)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/item_id"


async def test_every_wrong_field_is_named(backend: httpx.AsyncClient) -> None:
    answer = await backend.put("/v1/items/SKU-1", json={"title": "", "price": -1, "url": "javascript:alert(1)"})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} >= {"/title", "/price"}


async def test_body_may_not_name_another_item(backend: httpx.AsyncClient) -> None:
    answer = await backend.put("/v1/items/SKU-1", json=SHIRT | {"item_id": "SKU-2"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/item_id"


async def test_patch_changes_what_it_names_and_nothing_else(backend: httpx.AsyncClient) -> None:
    await backend.put("/v1/items/SKU-1", json=SHIRT)
    answer = await backend.patch("/v1/items/SKU-1", json={"availability": "out_of_stock", "price": None})
    assert answer.status_code == 200
    item = answer.json()
    assert (item["availability"], item["price"], item["title"]) == ("out_of_stock", None, "Linen shirt")
    assert (await backend.patch("/v1/items/none", json={"price": 1})).status_code == 404
    assert (await backend.patch("/v1/items/SKU-1", json={"colour": "red"})).status_code == 422


async def test_publishable_key_reads_public_fields_only(
    client: httpx.AsyncClient, backend: httpx.AsyncClient, keys: tuple[str, str]
) -> None:
    await backend.put("/v1/items/SKU-1", json=SHIRT | {"links": {"upsell": ["SKU-2"]}})
    complete = (await backend.get("/v1/items/SKU-1")).json()
    public = (await client.get("/v1/items/SKU-1", headers={"Authorization": f"Bearer {keys[0]}"})).json()
    assert complete["links"] == {"upsell": ["SKU-2"]}
    assert "links" not in public
    assert public["title"] == "Linen shirt"


async def test_pages_hold_every_item_once(backend: httpx.AsyncClient) -> None:
    sent = [SHIRT | {"item_id": f"SKU-{number}"} for number in range(25)]
    await backend.post("/v1/items/batch", json={"items": sent})
    found: list[str] = []
    cursor = None
    while True:
        page = (await backend.get("/v1/items", params={"limit": 10} | ({"cursor": cursor} if cursor else {}))).json()
        found += [item["item_id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(item["item_id"] for item in sent)


async def test_bad_item_of_a_batch_never_sinks_the_others(backend: httpx.AsyncClient) -> None:
    sent = [SHIRT | {"item_id": "A"}, {"item_id": "B"}, "nonsense", SHIRT | {"item_id": "C", "price": "12"}]
    answer = await backend.post("/v1/items/batch", json={"items": sent})
    assert answer.status_code == 200
    result = answer.json()
    assert (result["created"], result["rejected"]) == (1, 3)
    assert [one["status"] for one in result["results"]] == ["created", "rejected", "rejected", "rejected"]
    assert result["results"][3]["errors"][0]["pointer"] == "/items/3/price"
    again = (await backend.post("/v1/items/batch", json={"items": sent[:1]})).json()
    assert (again["created"], again["unchanged"]) == (0, 1)


async def test_batch_of_more_than_a_thousand_is_too_large(backend: httpx.AsyncClient) -> None:
    answer = await backend.post("/v1/items/batch", json={"items": [{}] * 1001})
    assert answer.status_code == 413


async def test_writes_share_one_waiting_encode_task(backend: httpx.AsyncClient) -> None:
    for number in range(3):
        await backend.put(f"/v1/items/SKU-{number}", json=SHIRT)
    assert await RecommendationTask.filter(ACROSS_SHOPS, kind="encode").count() == 1


async def test_change_of_stock_or_price_needs_no_worker(backend: httpx.AsyncClient) -> None:
    await backend.put("/v1/items/SKU-1", json=SHIRT)
    await RecommendationTask.filter(ACROSS_SHOPS).delete()
    await backend.patch("/v1/items/SKU-1", json={"availability": "out_of_stock", "price": 39.9})
    assert await RecommendationTask.filter(ACROSS_SHOPS).count() == 0
    await backend.patch("/v1/items/SKU-1", json={"title": "Silk shirt"})
    assert await RecommendationTask.filter(ACROSS_SHOPS).count() == 1


async def test_other_shops_items_are_not_there(
    client: httpx.AsyncClient, backend: httpx.AsyncClient, other_keys: tuple[str, str]
) -> None:
    await backend.put("/v1/items/SKU-1", json=SHIRT)
    headers = {"Authorization": f"Bearer {other_keys[1]}"}
    for method, body in (("GET", None), ("PATCH", {"price": 1}), ("DELETE", None)):
        answer = await client.request(method, "/v1/items/SKU-1", json=body, headers=headers)
        assert answer.status_code == 404, method
    assert (await client.get("/v1/items", headers=headers)).json()["data"] == []
