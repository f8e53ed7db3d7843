"""A shop keeps what shoppers did for as long as it says, and no other shop's events go with it."""

import time

import httpx

from server.events import shoppers
from server.events.models import Event
from server.shops.models import Shop
from server.tasks import tidying

DAY_MS = 86_400_000


async def fill(shop: Shop, *ages_days: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    for age in ages_days:
        await Event.create(
            shop=shop, event_id=f"e{age}", position=0, type="view_item", time_ms=now_ms - age * DAY_MS, item_id="A"
        )


async def kept(shop: Shop) -> set[str]:
    return set(await shop.events.all().values_list("event_id", flat=True))


async def test_old_events_go_when_the_shop_says_so(shop: Shop, other_shop: Shop) -> None:
    for owner in (shop, other_shop):
        await fill(owner, 1, 29, 31, 400)
    await tidying.forget_old()
    assert await kept(shop) == {"e1", "e29", "e31", "e400"}
    await Shop.filter(id=shop.id).update(settings={"retention_days": 30})
    await tidying.forget_old()
    assert await kept(shop) == {"e1", "e29"}
    assert await kept(other_shop) == {"e1", "e29", "e31", "e400"}


async def test_any_number_of_old_events_goes(shop: Shop) -> None:
    await Event.bulk_create(
        [
            Event(shop_id=shop.id, event_id=f"e{n}", position=0, type="view_item", time_ms=n, item_id="A")
            for n in range(6000)
        ]
    )
    assert await shoppers.erase_older_than(shop, 5_500) == 5_500
    assert len(await kept(shop)) == 500


async def test_retention_is_set_over_http(backend: httpx.AsyncClient) -> None:
    for days, status in ((90, 200), (None, 200), (0, 422), (5000, 422), ("x", 422)):
        answer = await backend.patch("/v1/shops/shop_test", json={"settings": {"retention_days": days}})
        assert answer.status_code == status, days
        if status == 200:
            assert answer.json()["settings"]["retention_days"] == days
