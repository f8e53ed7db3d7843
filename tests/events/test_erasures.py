"""Whom a shop erased stays erased: whatever comes later from before is left out, and nobody else's events are."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.events import shoppers
from server.events.erasures import Erasures
from server.events.files import EventOptions, EventsReport, import_events
from server.events.models import Erasure, Event, Merger
from server.events.recents import Recents
from server.events.store import EventRow, store
from server.settings import Settings
from server.shops.models import AuditEntry, Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database

PAST = "2024-05-01T10:00:00Z"
Bring = Callable[..., Awaitable[EventsReport]]
Erase = Callable[..., Awaitable[int]]


def view(item_id: str, shopper: str | None, session: str | None = None, time: str = PAST) -> dict[str, Any]:
    named = {name: who for name, who in (("shopper_id", shopper), ("session_id", session)) if who}
    return {"type": "view_item", "item_id": item_id, "time": time, **named}


@pytest.fixture
def bring(settings: Settings, tmp_path: Path) -> Bring:
    """Imports events as a file of JSON lines; `meanwhile` is called with each sign of progress."""

    async def imports(shop: Shop, *events: dict[str, Any], meanwhile: Callable[..., Any] = lambda *_: None) -> Any:
        async def progress(*told: Any) -> None:
            meanwhile(*told)
            await asyncio.sleep(0)

        path = tmp_path / "events"
        path.write_text("\n".join(map(json.dumps, events)))
        return await import_events(shop, path, EventOptions(), progress, Erasures(settings))

    return imports


@pytest.fixture
def erase(settings: Settings, redis: Redis) -> Erase:
    """Erases a shopper as the API does."""

    async def erased(shop: Shop, shopper_id: str) -> int:
        return await shoppers.erase(shop, shopper_id, redis, Recents(redis), Erasures(settings))

    return erased


async def kept(shop: Shop) -> set[str]:
    return set(await Event.filter(shop_id=shop.id).values_list("item_id", flat=True))


async def test_file_brings_nobody_back(shop: Shop, other_shop: Shop, bring: Bring, erase: Erase) -> None:
    past = (view("A", None, "visit"), view("B", "anna", "visit"), view("C", "anna"), view("D", "bert", "visit"))
    assert (await bring(shop, *past)).accepted == 4
    assert await erase(shop, "anna") == 3
    again = await bring(shop, *past)
    assert (again.accepted, again.duplicates, again.erased) == (0, 1, 3)
    assert again.warnings == ["3 events were left out: their shoppers were erased since."]
    assert await kept(shop) == {"D"}
    elsewhere = await bring(other_shop, *past)
    assert (elsewhere.accepted, elsewhere.erased, elsewhere.warnings) == (4, 0, [])


async def test_who_comes_back_begins_anew(shop: Shop, bring: Bring, erase: Erase) -> None:
    await bring(shop, view("A", "anna", "one"))
    await erase(shop, "anna")
    report = await bring(shop, view("A", "anna", "one"), view("B", "anna", "one", "2124-05-01T10:00:00Z"))
    assert (report.accepted, report.erased) == (1, 1)
    assert report.warnings == ["1 event was left out: its shopper was erased since."]
    assert await erase(shop, "anna") == 1
    assert (await bring(shop, view("B", "anna", "one"))).erased == 1


async def test_erasing_holds_for_those_of_whom_nothing_was_kept(
    backend: httpx.AsyncClient, shop: Shop, bring: Bring
) -> None:
    assert (await backend.delete("/v1/shoppers/anna")).status_code == 404
    assert (await bring(shop, view("A", "anna"), view("B", "bert"))).erased == 1
    assert await kept(shop) == {"B"}


async def test_ids_that_were_given_up_go_with_the_one_that_stayed(shop: Shop, bring: Bring, settings, redis) -> None:
    past = (view("A", "guest-1"), view("B", "guest-2"), view("C", "anna"), view("D", "guest-3"))
    await bring(shop, *past)
    parts = redis, Recents(redis), Erasures(settings)
    await shoppers.merge(shop, "guest-1", "guest-2", *parts)
    await shoppers.merge(shop, "guest-2", "anna", *parts)
    assert await shoppers.erase(shop, "anna", *parts) == 3
    assert (await bring(shop, *past)).erased == 3
    assert await kept(shop) == {"D"}
    assert await Merger.filter(ACROSS_SHOPS).count() == 0


async def test_page_that_was_offline_brings_nobody_back(backend: httpx.AsyncClient, shop: Shop) -> None:
    def sent(event_id: str, shopper: str | None, age_ms: int) -> dict[str, Any]:
        named = {"shopper_id": shopper} if shopper else {}
        return {"type": "view_item", "event_id": event_id, "item_id": event_id, "session_id": "s", "age_ms": age_ms,
                **named}  # fmt: skip

    async def send(*events: dict[str, Any]) -> tuple[int, int, int]:
        answer = (await backend.post("/v1/events", json={"events": events})).json()
        return answer["accepted"], answer["duplicates"], len(answer["rejected"])

    assert await send(sent("A", "anna", 0)) == (1, 0, 0)
    assert (await backend.delete("/v1/shoppers/anna")).status_code == 200
    assert await send(sent("B", "anna", 3_600_000), sent("C", None, 3_600_000), sent("D", "bert", 3_600_000)) == (
        1,
        2,
        0,
    )
    await asyncio.sleep(0.002)  # so that now is after the erasure
    assert await send(sent("E", "anna", 0)) == (1, 0, 0)
    assert await kept(shop) == {"D", "E"}
    shown = (await backend.get("/v1/shoppers/anna")).json()
    assert [event["item_id"] for event in shown["data"]] == ["E"]


async def test_nothing_that_is_kept_names_the_erased(backend: httpx.AsyncClient, shop: Shop) -> None:
    event = {"type": "view_item", "item_id": "A", "shopper_id": "anna", "session_id": "visit-7"}
    await backend.post("/v1/events", json={"events": [event]})
    await backend.delete("/v1/shoppers/anna")
    rows = [*await Erasure.filter(shop_id=shop.id).values(), *await AuditEntry.all().values()]
    assert len(rows) == 3
    assert "anna" not in str(rows)
    assert "visit-7" not in str(rows)


@pytest.mark.slow
@pytest.mark.parametrize("seen", [1, 2, 3])
async def test_erasing_while_a_file_comes_in_loses_neither(shop: Shop, bring: Bring, erase: Erase, seen: int) -> None:
    """`seen`: after which sign of progress in storing somebody is erased."""
    past = [view(f"{who}-{number}", who) for number in range(4_000) for who in ("anna", "bert", "carl", "dora")]
    erasing: list[asyncio.Task[int]] = []
    signs = 0

    def meanwhile(stage: str, *_: Any) -> None:
        nonlocal signs
        signs += stage == "storing"
        if signs == seen and not erasing:
            erasing.append(asyncio.get_running_loop().create_task(erase(shop, "anna")))

    report = await bring(shop, *past, meanwhile=meanwhile)
    gone = await erasing[0]
    assert report.erased + gone == 4_000
    assert report.accepted == 16_000 - report.erased
    assert await Event.filter(shop_id=shop.id, shopper_id="anna").count() == 0
    assert await Event.filter(shop_id=shop.id).count() == 12_000


async def test_erasure_takes_along_what_is_just_being_stored(shop: Shop, settings: Settings, erase: Erase) -> None:
    row = EventRow("e1", 0, "view_item", 1_000, "anna", None, "A")
    written, may_commit = asyncio.Event(), asyncio.Event()

    async def storing() -> None:
        async with database.transaction() as connection:
            assert await Erasures(settings).left_out(connection, [(shop.id, row)]) == set()
            written.set()
            await may_commit.wait()
            await store(connection, shop.id, [row])

    task = asyncio.create_task(storing())
    await written.wait()
    erasing = asyncio.create_task(erase(shop, "anna"))
    await asyncio.sleep(0.1)
    assert not erasing.done()
    may_commit.set()
    await task
    assert await erasing == 1
    assert await kept(shop) == set()
