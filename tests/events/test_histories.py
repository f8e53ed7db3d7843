"""A shop's events as histories, for learning."""

import pytest
from redis.asyncio import Redis

from server.events import histories
from server.events.histories import WEIGHTS
from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import happen, purchase


async def test_events_of_a_shop_are_read_in_order(
    settings: Settings, redis: Redis, shop: Shop, other_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "_ROWS_AT_ONCE", 3)
    orders = [purchase(f"s{n % 3}", f"o{n}", "a", "b", time=f"2026-01-{20 - n:02}T12:00:00Z") for n in range(7)]
    await happen(settings, redis, shop, orders)
    await happen(settings, redis, other_shop, [purchase("s1", "o1", "a", "b")])
    rows = {"a": 0, "b": 1}
    read = await histories.load(shop, lambda item_id: rows[item_id])
    assert len(read) == 14
    assert read.rows.tolist() == [0, 1] * 7
    assert list(read.times_ms) == sorted(read.times_ms)
    assert len(set(read.baskets.tolist())) == 7
    assert len(set(read.shoppers.tolist())) == 3
    assert read.newest_ms == read.times_ms[-1]


async def test_visits_end_with_a_long_pause(settings: Settings, redis: Redis, shop: Shop) -> None:
    looks = [
        {"type": "view_item", "session_id": session, "item_id": "a", "time": f"2026-01-10T{time}Z"}
        for session, time in (("x", "10:00:00"), ("x", "10:20:00"), ("x", "11:30:00"), ("y", "10:10:00"))
    ]
    await happen(settings, redis, shop, [*looks, {"type": "view_item_list", "session_id": "x", "item_id": "a"}])
    read = await histories.load(shop, lambda _: 5)
    assert len(read) == 4, "a list that was shown is no interest"
    first, other, second, third = read.visits.tolist()
    assert first == second
    assert len({first, other, third}) == 3
    assert set(read.baskets.tolist()) == {-1}
    assert read.weights.tolist() == pytest.approx([WEIGHTS["view_item"]] * 4)


async def test_shop_without_events_has_an_empty_history(shop: Shop) -> None:
    read = await histories.load(shop, lambda _: 0)
    assert (len(read), read.newest_ms) == (0, 0)
