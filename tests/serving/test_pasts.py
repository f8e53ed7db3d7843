"""Serving and training see the same past of a shopper: from Redis, rebuilt from the database, and read for learning."""

import itertools
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from redis.asyncio import Redis

from server.events import histories
from server.events.histories import WEIGHTS, Past, past_at
from server.events.recents import MOST, TYPES, Recents
from server.learning.cases import by_shopper
from server.serving.interest import Done, interest_of
from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import happen, purchase

BEGIN_MS = 1_760_000_000_000
ROWS = {f"sku-{row}": row for row in range(4)}
EXAMPLES = examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
number = itertools.count()

# Few products and few moments, so that much is taken back, and much happens at once; the last product does not exist.
# Never the very same thing at the very same moment: Redis keeps that once, whoever sends it twice.
EVENT = st.fixed_dictionaries(
    {
        "type": st.sampled_from([kind for kind in TYPES if kind not in ("purchase", "refund")]),
        "item_id": st.integers(0, 4).map("sku-{}".format),
        "time": st.integers(0, 5).map(lambda minute: BEGIN_MS + 60_000 * minute),
    }
)
ORDER = st.builds(
    lambda kind, minute, rows: {
        "type": kind,
        "transaction_id": f"o{minute}",
        "time": BEGIN_MS + 60_000 * minute,
        "items": [{"item_id": f"sku-{row}"} for row in rows],
    },
    st.sampled_from(["purchase", "refund"]),
    st.integers(0, 5),
    st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
)


def what(event: dict[str, Any]) -> tuple[str, int, str]:
    return event["type"], event["time"], event.get("item_id", "")


def row_of(item_id: str) -> int:
    return ROWS.get(item_id, -1)


async def served(recents: Recents, shop: Shop, shopper_id: str | None = "ann", session_id: str | None = None) -> Past:
    """What a model is told of a shopper."""
    logs = await recents.logs_of(shop.id, shopper_id, session_id)
    return interest_of(Done(logs), row_of, BEGIN_MS).past()


async def taught(shop: Shop) -> Past:
    """What a model is taught of the shop's only shopper."""
    past = await histories.load(shop, row_of)
    every = [positions for _, positions in by_shopper(past)]
    assert len(every) <= 1
    return past_at(past, every[0] if every else np.empty(0, dtype=np.intp))


def alike(one: Past, other: Past) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


@EXAMPLES
@given(events=st.lists(st.one_of(EVENT, ORDER), max_size=12, unique_by=what))
async def test_past_is_the_same_in_serving_and_in_training(
    settings: Settings, redis: Redis, db: None, events: list[dict[str, Any]]
) -> None:
    shop = await Shop.create(id=f"shop_{next(number)}", slug=f"s{next(number)}", name="S", currency="EUR")
    recents = Recents(redis)
    await recents.of(shop.id, "ann", None)  # from now on events are added to what is known
    for at, event in enumerate(events):  # each committed before the next comes: what is first is so on both sides
        await happen(settings, redis, shop, [{**event, "event_id": f"e{at}", "shopper_id": "ann"}])
    added = await served(recents, shop)
    await recents.forget(shop.id)
    rebuilt = await served(recents, shop)
    learned = await taught(shop)
    assert alike(added, learned)
    assert alike(rebuilt, learned)


async def test_long_past_is_cut_at_the_same_event(settings: Settings, redis: Redis, shop: Shop) -> None:
    views = [
        {"type": "view_item", "shopper_id": "ann", "item_id": f"sku-{n % 3}", "time": BEGIN_MS + 1000 * n}
        for n in range(MOST + 20)
    ]
    await happen(settings, redis, shop, views)
    past = await served(Recents(redis), shop)
    assert len(past) == MOST
    assert alike(past, await taught(shop))


async def test_what_was_taken_back_is_gone_on_both_sides(settings: Settings, redis: Redis, shop: Shop) -> None:
    order = purchase("ann", "o1", "sku-1", "sku-2")
    refund = {**order, "type": "refund", "items": [{"item_id": "sku-1"}], "time": "2026-01-11T12:00:00Z"}
    await happen(settings, redis, shop, [order, refund])
    past = await served(Recents(redis), shop)
    assert (past.rows.tolist(), past.bought.tolist(), past.weights.tolist()) == ([2], [True], [1.0])
    assert alike(past, await taught(shop))
    assert WEIGHTS["purchase"] == 1.0


async def test_session_without_a_name_is_a_shopper_too(settings: Settings, redis: Redis, shop: Shop) -> None:
    views = [
        {"type": "view_item", "session_id": "visit", "item_id": f"sku-{n}", "time": BEGIN_MS + n} for n in (2, 0, 1)
    ]
    await happen(settings, redis, shop, views)
    past = await served(Recents(redis), shop, None, "visit")
    assert past.rows.tolist() == [0, 1, 2]
    assert alike(past, await taught(shop))
