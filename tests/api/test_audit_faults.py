"""A change that cannot be written into the audit log is not made."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from server.access.models import ApiKey
from server.catalog.models import Item
from server.events.models import Erasure, Event, Merger
from server.shops.models import AuditEntry, Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database, messages
from server.tasks.models import RecommendationTask
from tests.conftest import ShopKeys

REFUSE = {
    True: "CREATE TRIGGER full_ BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END",
    False: "ALTER TABLE audit ADD CONSTRAINT full_ CHECK (false) NOT VALID",
}
ALLOW = {True: "DROP TRIGGER full_", False: "ALTER TABLE audit DROP CONSTRAINT full_"}
CHANGES: list[tuple[str, str, Any]] = [
    ("PUT", "/v1/items/new", {"title": "Linen shirt"}),
    ("PATCH", "/v1/items/old", {"title": "Other"}),
    ("DELETE", "/v1/items/old", None),
    ("POST", "/v1/items/batch", {"items": [{"item_id": "new", "title": "Linen shirt"}]}),
    ("POST", "/v1/tasks", {"kind": "train"}),
    ("POST", "/v1/imports", {"url": "https://shop.example/feed.xml"}),
    ("POST", "/v1/keys", {"kind": "secret"}),
    ("PATCH", "/v1/shops/shop_test", {"name": "Other"}),
    ("DELETE", "/v1/shoppers/anna", None),
    ("POST", "/v1/shoppers/merge", {"from": "anna", "into": "customer-1"}),
]


@pytest.fixture
async def filled(backend: httpx.AsyncClient) -> None:
    await backend.put("/v1/items/old", json={"title": "Hat"})
    event = {"type": "view_item", "item_id": "old", "shopper_id": "anna", "session_id": "s"}
    assert (await backend.post("/v1/events", json={"events": [event]})).json()["accepted"] == 1


@pytest.fixture
async def full_log(filled: None) -> AsyncIterator[None]:
    await database.writer().execute_script(REFUSE[database.is_sqlite()])
    yield
    await database.writer().execute_script(ALLOW[database.is_sqlite()])


async def everything() -> list[Any]:
    """All that the changes above would change, as it is stored."""
    kinds: list[Any] = [Item, Event, RecommendationTask, ApiKey]
    rows = [await kind.filter(ACROSS_SHOPS).order_by("id").values() for kind in kinds]
    for key in rows[-1]:
        key["last_used_at"] = None
    erased = [await kind.filter(ACROSS_SHOPS).order_by("mark").values() for kind in (Erasure, Merger)]
    return [*rows, *erased, await Shop.all().values(), await AuditEntry.all().values()]


@pytest.mark.parametrize(("method", "address", "body"), CHANGES)
async def test_change_that_cannot_be_told_is_not_made(
    backend: httpx.AsyncClient, full_log: None, method: str, address: str, body: Any
) -> None:
    before = await everything()
    answer = await backend.request(method, address, json=body)
    assert answer.status_code == 500
    assert await everything() == before


async def test_same_changes_are_made_where_the_log_takes_them(backend: httpx.AsyncClient, filled: None) -> None:
    for number, (method, address, body) in enumerate(CHANGES):
        before = await AuditEntry.all().count()
        answer = await backend.request(method, address, json=body)
        if (method, address) != ("POST", "/v1/shoppers/merge"):  # whose shopper is erased by then
            assert answer.status_code in (200, 201, 202, 204), (number, answer.text)
        assert await AuditEntry.all().count() == before + 1


async def test_nobody_hears_of_a_key_that_was_not_revoked(
    backend: httpx.AsyncClient, keys: ShopKeys, full_log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    async def hear(_redis: Any, message: messages.Message) -> None:
        heard.append(message.topic)

    monkeypatch.setattr(messages, "_publish", hear)
    row = await ApiKey.filter(ACROSS_SHOPS, kind="publishable").first()
    assert row is not None
    assert (await backend.delete(f"/v1/keys/{row.id}")).status_code == 500
    assert heard == []
    with_key = {"Authorization": f"Bearer {keys.publishable}"}
    assert (await backend.get("/v1/recommendations", headers=with_key)).status_code == 200
    await database.writer().execute_script(ALLOW[database.is_sqlite()])
    try:
        assert (await backend.delete(f"/v1/keys/{row.id}")).status_code == 204
        assert "keys-changed" in heard
        assert (await backend.get("/v1/recommendations", headers=with_key)).status_code == 401
    finally:
        await database.writer().execute_script(REFUSE[database.is_sqlite()])
