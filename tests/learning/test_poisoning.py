"""Ten thousand forged purchases from one place, sent as pages send them, put their item into no list's first ten."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.app import build
from server.catalog.fields import ItemFields
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database
from tests.conftest import ShopKeys
from tests.serving.goods import Counter, goods, happen, purchase, stock

BAIT = "bait"
BESTSELLERS = [f"sku-{number}" for number in range(12)]
PLACEMENTS = ("home", "product-page", "cart", "category", "search-empty", "order-confirmation", "email")


async def open_shop(settings: Settings, redis: Redis, shop: Shop, days_ago: int = 1) -> Counter:
    """A small shop with eighty honest orders of its best-sellers, and a product that nobody wants."""
    day = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    bait = ItemFields(item_id=BAIT, title="Plastic trinket", price=1.0, brand="Nobody", categories=["Odds > Ends"])
    await stock(shop, redis, [*goods(60), bait])
    orders = [
        purchase(
            f"shopper {number}", f"order {number}", *(BESTSELLERS[(number + step) % 12] for step in range(3)), time=day
        )
        for number in range(80)
    ]
    await happen(settings, redis, shop, orders)
    return Counter(settings, redis, shop)


async def forge(settings: Settings, keys: ShopKeys, batches: Sequence[list[dict[str, Any]]]) -> None:
    """Send events through the front door from one address, with the key that any page shows."""
    await database.disconnect()
    app = build(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("93.184.215.14", 4444))
        async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test") as thief:
            for batch in batches:
                answer = await thief.post(f"/v1/events?key={keys.publishable}", json={"events": batch})
                assert answer.json()["accepted"] == len(batch)
    await database.connect(settings)


async def first_tens(counter: Counter) -> dict[str, list[str]]:
    """The first ten of every placement, for strangers, on the page of each best-seller, and for an honest shopper."""
    lists: dict[str, list[str]] = {}
    for placement in PLACEMENTS:
        for item_ids in ((), *((item_id,) for item_id in BESTSELLERS)):
            for shopper in (None, "shopper 3"):
                question = {"placement": placement, "item_ids": item_ids, "shopper_id": shopper, "limit": 10}
                answer = await counter.ask(**question)
                lists[f"{placement} {item_ids} {shopper}"] = [item["item_id"] for item in answer["items"]]
    return lists


def forged(number: int, shopper: str, **more: Any) -> dict[str, Any]:
    items = [{"item_id": BAIT, "quantity": 50}, {"item_id": BESTSELLERS[number % 12]}]
    return {"type": "purchase", "event_id": f"forged-{number}", "shopper_id": shopper, "items": items, **more}


@pytest.mark.usefixtures("owner")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("guise", "quiet_days"),
    [("a shopper each", 1), ("one shopper", 1), ("a visit each, in the past week", 1), ("a shopper each", 300)],
)
async def test_ten_thousand_forged_purchases_reach_no_first_ten(
    settings: Settings, redis: Redis, shop: Shop, keys: ShopKeys, guise: str, quiet_days: int
) -> None:
    counter = await open_shop(settings, redis, shop, quiet_days)
    await counter.learn()
    before = await first_tens(counter)
    assert not [name for name, items in before.items() if BAIT in items]

    def event(number: int) -> dict[str, Any]:
        if guise == "a shopper each":
            return forged(number, f"forged {number}", transaction_id=f"forged {number}")
        if guise == "one shopper":
            return forged(number, "forged", transaction_id=f"forged {number}")
        age_ms = number % 7 * 86_000_000
        return forged(number, f"forged {number}", session_id=f"visit {number}", age_ms=age_ms)

    await forge(settings, keys, [[event(start + n) for n in range(1_000)] for start in range(0, 10_000, 1_000)])
    assert await shop.events.filter(item_id=BAIT).count() == 10_000, "they were taken in; they only do not count"
    await counter.learn()
    after = await first_tens(counter)
    assert not [name for name, items in after.items() if BAIT in items]


@pytest.mark.slow
async def test_the_same_purchases_by_honest_shoppers_do_count(settings: Settings, redis: Redis, shop: Shop) -> None:
    counter = await open_shop(settings, redis, shop)
    day = datetime.now(UTC).isoformat()
    orders = [purchase(f"new {number}", f"new order {number}", BAIT, "sku-0", time=day) for number in range(200)]
    await happen(settings, redis, shop, orders)
    await counter.learn()
    lists = await first_tens(counter)
    assert BAIT in lists["home () None"]
    assert BAIT in lists["product-page ('sku-0',) None"]
