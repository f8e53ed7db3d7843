"""`POST /v1/events` as the widget and shops' servers call it."""

import json
import time
from typing import Any

import httpx
import pytest

from server.events.models import Event
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from tests.conftest import ShopKeys


def view(event_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "view_item", "event_id": event_id, "session_id": "s1", "item_id": "A", **fields}


async def test_widget_sends_plain_text_with_the_key_in_the_address(client: httpx.AsyncClient, keys: ShopKeys) -> None:
    answer = await client.post(
        f"/v1/events?key={keys.publishable}",
        content=json.dumps({"events": [view("e1"), view("e1"), {"type": "view_item"}]}),
        headers={"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://shop.example"},
    )
    assert answer.status_code == 202
    assert answer.headers["access-control-allow-origin"] in ("*", "https://shop.example")
    body = answer.json()
    assert (body["accepted"], body["duplicates"]) == (1, 1)
    assert [(one["index"], one["pointer"]) for one in body["rejected"]] == [(2, "/events/2/shopper_id")]
    assert body["rejected"][0]["detail"]


async def test_accepted_events_are_committed_for_the_shop_of_the_key(backend: httpx.AsyncClient, shop: Shop) -> None:
    answer = await backend.post("/v1/events", json={"events": [view("e1"), view("e2")]})
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert sorted(await Event.filter(shop_id=shop.id).values_list("event_id", flat=True)) == ["e1", "e2"]


async def test_old_events_need_a_secret_key(client: httpx.AsyncClient, keys: ShopKeys) -> None:
    old = {"events": [view("e1", time="2020-01-01T00:00:00Z")]}
    refused = await client.post("/v1/events", json=old, headers={"Authorization": f"Bearer {keys.publishable}"})
    assert refused.json()["rejected"][0]["pointer"] == "/events/0/time"
    taken = await client.post("/v1/events", json=old, headers={"Authorization": f"Bearer {keys.secret}"})
    assert taken.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"events": {}}', 422),
        (b'{"events": []}', 202),
        (json.dumps({"events": [{}] * 1001}).encode(), 413),
        (json.dumps({"events": ["x" * 1_048_576]}).encode(), 413),
    ],
)
async def test_body(backend: httpx.AsyncClient, content: bytes, status: int) -> None:
    answer = await backend.post("/v1/events", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


async def test_other_media_types_are_refused(backend: httpx.AsyncClient) -> None:
    answer = await backend.post("/v1/events", content=b"events=1", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 415


async def test_nobody_writes_events_without_a_key(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/events", json={"events": [view("e1")]})).status_code == 401
    assert await Event.filter(ACROSS_SHOPS).count() == 0


async def test_too_busy_is_told_with_a_time_to_come_back(
    app: Any, backend: httpx.AsyncClient, settings: Settings
) -> None:
    await app.state.services.ingest.stop()
    answer = await backend.post("/v1/events", json={"events": [view("e1")]})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    await app.state.services.ingest.start()
    assert (await backend.post("/v1/events", json={"events": [view("e1")]})).json()["accepted"] == 1


async def test_next_recommendation_knows_of_the_event(app: Any, backend: httpx.AsyncClient, shop: Shop) -> None:
    before = time.time() * 1000
    await backend.post("/v1/events", json={"events": [view("e1", item_id="B", shopper_id="anna")]})
    (recent,) = await app.state.services.recents.of(shop.id, "anna", "s1")
    assert (recent.item_id, recent.type) == ("B", "view_item")
    assert recent.time_ms >= before - 1
