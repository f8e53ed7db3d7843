"""What is kept of a shopper, over HTTP: told whole, erased everywhere, joined; and nothing at all without consent."""

import asyncio
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.events.models import Event
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from tests.conftest import ShopKeys


def view(event_id: str, item_id: str, shopper: str | None, session: str = "s1", **more: Any) -> dict[str, Any]:
    named = {"shopper_id": shopper} if shopper else {}
    return {"type": "view_item", "event_id": event_id, "item_id": item_id, "session_id": session, **named, **more}


async def send(backend: httpx.AsyncClient, *events: dict[str, Any], **batch: Any) -> dict[str, Any]:
    answer = await backend.post("/v1/events", json={"events": list(events), **batch})
    assert answer.status_code == 202
    return answer.json()


async def recent(backend: httpx.AsyncClient, **who: str) -> list[str]:
    """The items a list goes by, as the recents of the running process have them."""
    recents = backend._transport.app.state.services.recents  # type: ignore[attr-defined]
    found = await recents.of("shop_test", who.get("shopper_id"), who.get("session_id"))
    return [one.item_id for one in found]


async def test_everything_kept_of_a_shopper_is_told(backend: httpx.AsyncClient) -> None:
    events = [view(f"e{number}", f"SKU-{number}", "anna", coupon=f"C{number}") for number in range(5)]
    order = {"type": "purchase", "event_id": "o1", "shopper_id": "anna", "transaction_id": "T1", "value": 30,
             "currency": "EUR", "items": [{"item_id": "A", "price": 10, "quantity": 3}]}  # fmt: skip
    await send(backend, *events, order, view("other", "SKU-9", "bert"))
    told: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await backend.get("/v1/shoppers/anna", params=params)).json()
        assert page["events"] == 6
        told += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    by_id = {one["event_id"]: one for one in told}
    assert len(told) == len(by_id) == 6
    assert by_id["e0"]["extra"] == {"event": {"coupon": "C0"}}
    assert (by_id["o1"]["transaction_id"], by_id["o1"]["quantity"], by_id["o1"]["value"]) == ("T1", 3, 30)
    assert "SKU-9" not in str(told)


async def test_erased_shopper_is_gone_everywhere(backend: httpx.AsyncClient, redis: Redis, shop: Shop) -> None:
    await send(
        backend, view("e0", "A", None, "visit"), view("e1", "B", "anna", "visit"), view("e2", "C", "anna", "two")
    )
    await send(backend, view("e3", "D", "bert", "visit"), view("e4", "E", None, "bystander"))
    assert set(await recent(backend, shopper_id="anna")) == {"B", "C"}
    answer = await backend.delete("/v1/shoppers/anna")
    assert (answer.status_code, answer.json()) == (200, {"shopper_id": "anna", "events": 3})
    assert await recent(backend, shopper_id="anna") == await recent(backend, session_id="two") == []
    assert await recent(backend, session_id="visit") == ["D"], "what somebody else did in that visit is theirs"
    assert {row.event_id for row in await shop.events.all()} == {"e3", "e4"}
    assert (await backend.get("/v1/shoppers/anna")).status_code == 404
    assert (await backend.delete("/v1/shoppers/anna")).status_code == 404
    for name in await redis.keys("*"):
        if await redis.type(name) == b"string":
            assert b'"B"' not in (await redis.get(name) or b"")
            assert b'"A"' not in (await redis.get(name) or b"")


async def test_reader_that_began_before_cannot_bring_an_erased_shopper_back(
    backend: httpx.AsyncClient, redis: Redis
) -> None:
    await send(backend, view("e1", "B", "anna"))
    await redis.flushall()  # so that the next reader has to rebuild
    recents = backend._transport.app.state.services.recents  # type: ignore[attr-defined]
    put = recents._put_if_unchanged
    may_put, has_read = asyncio.Event(), asyncio.Event()

    async def later(*arguments: Any, **options: Any) -> Any:
        has_read.set()
        await may_put.wait()
        return await put(*arguments, **options)

    recents._put_if_unchanged = later
    reading = asyncio.create_task(recents.of("shop_test", "anna", None))
    await has_read.wait()
    assert (await backend.delete("/v1/shoppers/anna")).status_code == 200
    may_put.set()
    await reading
    recents._put_if_unchanged = put
    assert await recent(backend, shopper_id="anna") == []


GUEST = f"guest-{7:032x}"


async def settled(backend: httpx.AsyncClient) -> None:
    """Return when all guests that were heard of are joined."""
    await backend._transport.app.state.services.ingest.guests.settled()  # type: ignore[attr-defined]


async def test_a_guest_who_is_recognised_keeps_their_past(backend: httpx.AsyncClient, shop: Shop) -> None:
    await send(backend, view("e1", "A", GUEST), view("e2", "B", "anna"))
    await send(backend, view("e3", "C", "anna", anonymous_id=GUEST))
    await settled(backend)
    assert set(await recent(backend, shopper_id="anna")) == {"A", "B", "C"}
    assert await recent(backend, shopper_id=GUEST) == []
    assert {row.shopper_id for row in await shop.events.all()} == {"anna"}


async def test_who_erases_a_shopper_erases_the_guest_they_were(backend: httpx.AsyncClient, shop: Shop) -> None:
    await send(backend, view("e1", "A", GUEST), view("e2", "B", "anna", anonymous_id=GUEST))
    await settled(backend)
    await backend.delete("/v1/shoppers/anna")
    assert await send(backend, {**view("e0", "A", GUEST), "age_ms": 60_000}) == {
        "accepted": 0,
        "duplicates": 1,
        "rejected": [],
    }, "a page that was offline brings nothing back"


@pytest.mark.parametrize("claimed", ["bert", "guest-7f3e", f"guest-{7:032X}-", "0" * 32, 7, None, ["guest-"]])
async def test_nobody_is_taken_for_a_guest_but_a_browser(backend: httpx.AsyncClient, claimed: Any) -> None:
    if isinstance(claimed, str):
        await send(backend, view("e1", "A", claimed))
    await send(backend, view("e2", "B", "thief", anonymous_id=claimed))
    await settled(backend)
    assert await recent(backend, shopper_id="thief") == ["B"]
    if isinstance(claimed, str):
        assert await recent(backend, shopper_id=claimed) == ["A"]


async def test_a_guest_is_given_to_one_shopper_only(backend: httpx.AsyncClient) -> None:
    await send(backend, view("e1", "A", GUEST), view("e2", "B", "anna", anonymous_id=GUEST))
    await settled(backend)
    await send(backend, view("e3", "C", GUEST), view("e4", "D", "thief", anonymous_id=GUEST))
    await settled(backend)
    assert await recent(backend, shopper_id="thief") == ["D"]
    assert set(await recent(backend, shopper_id="anna")) == {"A", "B"}
    erased = await backend.delete("/v1/shoppers/anna")
    assert erased.json()["events"] == 2, "and is erased with that one, whatever others claim"
    late = {**view("e0", "A", GUEST), "age_ms": 60_000}
    assert (await send(backend, late))["duplicates"] == 1


async def test_a_shopper_with_a_number_for_a_name_keeps_the_past_too(backend: httpx.AsyncClient) -> None:
    numbered = view("e2", "B", None, anonymous_id=GUEST) | {"shopper_id": 7}
    await send(backend, view("e1", "A", GUEST), numbered)
    await settled(backend)
    assert set(await recent(backend, shopper_id="7")) == {"A", "B"}


async def test_a_guest_becomes_no_other_guest(backend: httpx.AsyncClient) -> None:
    other = f"guest-{8:032x}"
    await send(backend, view("e1", "A", GUEST), view("e2", "B", other, anonymous_id=GUEST))
    await settled(backend)
    assert await recent(backend, shopper_id=GUEST) == ["A"]
    assert await recent(backend, shopper_id=other) == ["B"]


async def test_one_request_gives_away_one_guest(backend: httpx.AsyncClient, shop: Shop) -> None:
    guests = [f"guest-{number:032x}" for number in range(20)]
    await send(backend, *(view(f"g{number}", "A", guest) for number, guest in enumerate(guests)))
    await send(backend, *(view(f"c{n}", "B", "thief", anonymous_id=guest) for n, guest in enumerate(guests)))
    await settled(backend)
    assert await shop.events.filter(shopper_id__in=guests).count() == 19


async def test_a_refused_event_gives_nobody_away(backend: httpx.AsyncClient) -> None:
    await send(backend, view("e1", "A", GUEST))
    for number, wrong in enumerate(
        ({"shopper_id": True}, {"shopper_id": "a\x00b"}, {"shopper_id": ""}, {"type": "x"}, {})
    ):
        event = {**view(f"w{number}", "B", "thief", anonymous_id=GUEST), **wrong}
        if not wrong:
            del event["shopper_id"]
        await send(backend, event)
    await settled(backend)
    assert await recent(backend, shopper_id=GUEST) == ["A"]


async def test_a_join_that_brought_nothing_leaves_what_is_at_hand(backend: httpx.AsyncClient, redis: Redis) -> None:
    await send(backend, view("e1", "A", "anna"))
    assert await recent(backend, shopper_id="anna") == ["A"]
    at_hand = await redis.get("vitrina:shop_test:recent:shopper_id:anna")
    assert at_hand
    await backend.post("/v1/shoppers/merge", json={"from": GUEST, "into": "anna"})
    assert await redis.get("vitrina:shop_test:recent:shopper_id:anna") == at_hand


async def test_stopping_waits_for_one_join_only(backend: httpx.AsyncClient, shop: Shop) -> None:
    guests = [f"guest-{number:032x}" for number in range(40)]
    await send(backend, *(view(f"g{number}", "A", guest) for number, guest in enumerate(guests)))
    ingest = backend._transport.app.state.services.ingest  # type: ignore[attr-defined]
    for number, guest in enumerate(guests):
        ingest.guests.note(shop.id, [view(f"c{number}", "B", "anna", anonymous_id=guest)], ())
    await asyncio.wait_for(ingest.guests.stop(), 0.5)
    left = await shop.events.filter(shopper_id__in=guests).count()
    assert left >= 38
    await send(backend, view("again", "B", "anna", anonymous_id=guests[-1]))
    await settled(backend)
    assert await shop.events.filter(shopper_id=guests[-1]).count() == 0, "the browser's next event brings it up again"


async def test_another_shops_guest_stays_where_they_are(
    backend: httpx.AsyncClient, client: httpx.AsyncClient, other_keys: ShopKeys, other_shop: Shop
) -> None:
    await send(backend, view("e1", "A", GUEST))
    sent = {"events": [view("e2", "B", "anna", anonymous_id=GUEST)]}
    await client.post("/v1/events", json=sent, headers={"Authorization": f"Bearer {other_keys.secret}"})
    await settled(backend)
    assert await recent(backend, shopper_id=GUEST) == ["A"]


async def test_erasing_needs_no_redis_at_that_moment(backend: httpx.AsyncClient, monkeypatch) -> None:
    await send(backend, view("e1", "B", "anna"))
    assert await recent(backend, shopper_id="anna") == ["B"]
    services = backend._transport.app.state.services  # type: ignore[attr-defined]

    def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError("away")

    monkeypatch.setattr(services.redis, "pipeline", away)
    assert (await backend.delete("/v1/shoppers/anna")).status_code == 200
    assert await recent(backend, shopper_id="anna") == []


async def test_merged_shopper_has_both_pasts(backend: httpx.AsyncClient, other_shop: Shop) -> None:
    await send(backend, view("e1", "A", "guest-1"), view("e2", "B", "anna", "s2"))
    await Event.create(shop=other_shop, event_id="x", position=0, type="view_item", time_ms=1, shopper_id="guest-1")
    assert await recent(backend, shopper_id="anna") == ["B"]
    body = {"from": "guest-1", "into": "anna"}
    assert (await backend.post("/v1/shoppers/merge", json=body)).json() == {"shopper_id": "anna", "events": 1}
    assert set(await recent(backend, shopper_id="anna")) == {"A", "B"}
    assert await recent(backend, shopper_id="guest-1") == []
    assert (await backend.get("/v1/shoppers/guest-1")).status_code == 404
    assert (await backend.post("/v1/shoppers/merge", json=body)).json()["events"] == 0
    same = await backend.post("/v1/shoppers/merge", json={"from": "anna", "into": "anna"})
    assert same.status_code == 422
    assert await Event.filter(shop_id=other_shop.id, shopper_id="guest-1").count() == 1


async def test_address_and_browser_are_not_kept(backend: httpx.AsyncClient, shop: Shop) -> None:
    traces = {"ip": "93.184.215.14", "user_agent": "Mozilla/5.0", "userAgent": "Mozilla/5.0", "ip_override": "::1",
              "client-ip": "93.184.215.14", "device": {"user_agent": "Mozilla/5.0", "kind": "phone"},
              "hops": [{"remote_addr": "93.184.215.14"}], "description": "a tip"}  # fmt: skip
    headers = {"User-Agent": "Mozilla/5.0", "X-Forwarded-For": "93.184.215.14"}
    body = {"events": [view("e1", "A", "anna", **traces), view("e2", "A", "anna", ip="93.184.215.14")]}
    assert (await backend.post("/v1/events", json=body, headers=headers)).json()["accepted"] == 2
    first, second = await shop.events.all().order_by("event_id")
    assert first.extra == {"event": {"device": {"kind": "phone"}, "hops": [{}], "description": "a tip"}}
    assert second.extra is None
    assert "93.184" not in str([dict(row) for row in (first, second)])


async def test_without_consent_nothing_is_kept_and_the_list_follows_the_tab(
    client: httpx.AsyncClient, backend: httpx.AsyncClient, keys: ShopKeys, redis: Redis
) -> None:
    for number in range(6):
        await backend.put(f"/v1/items/SKU-{number}", json={"title": f"Linen shirt {number}"})
    await send(backend, view("e1", "SKU-1", "anna"))
    before = sorted(await redis.keys("*"))
    params = {"key": keys.publishable, "consent": "denied", "shopper_id": "bert", "session_id": "s9"}
    refused = await send(backend, view("e2", "SKU-2", "bert", "s9"), consent="denied")
    assert refused == {"accepted": 0, "duplicates": 0, "rejected": []}
    answer = await client.get("/v1/recommendations", params={**params, "recent_item_id": ["SKU-3", "SKU-4"]})
    assert answer.status_code == 200
    assert len(answer.json()["items"]) >= 4
    batch = {"requests": [{"consent": "denied", "shopper_id": "bert", "recent_item_id": ["SKU-3"]}]}
    assert (await client.post(f"/v1/recommendations/batch?key={keys.publishable}", json=batch)).status_code == 200
    assert await Event.filter(ACROSS_SHOPS).count() == 1
    assert sorted(await redis.keys("*")) == before
    assert not [name for name in before if b"bert" in name or b"s9" in name]


async def test_consent_is_yes_or_no(client: httpx.AsyncClient, keys: ShopKeys) -> None:
    answer = await client.get("/v1/recommendations", params={"key": keys.publishable, "consent": "maybe"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/consent"


@pytest.mark.parametrize("shopper_id", ["a/b", "ä ö", "merge", "100%"])
async def test_any_id_that_events_may_have_can_be_asked_for(backend: httpx.AsyncClient, shopper_id: str) -> None:
    from urllib.parse import quote

    await send(backend, view("e1", "A", shopper_id))
    address = f"/v1/shoppers/{quote(shopper_id, safe='')}"
    assert (await backend.get(address)).json()["shopper_id"] == shopper_id
    assert (await backend.delete(address)).json()["events"] == 1
