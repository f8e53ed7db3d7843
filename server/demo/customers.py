"""Real customers of a demo shop that a visitor may sign in as.

They come from the shop's own purchases. They have no names, only numbers, and are told apart by how much they ordered:
many orders, some, one.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.shops.models import Shop
from server.storage import database

_OF_EACH = 6  # customers offered with many, some and one order
_LAST_BOUGHT = 3
NEW = "new"
# how the ids begin of customers whom visitors of the demo made up, and of browsers that nobody signed in with
_NOBODY = (f"{NEW}-", "guest-")
_KEPT_S = 900.0  # nobody's circle changes in a quarter of an hour
_MOST_LOOKED_AT = 60  # shoppers of a circle, until enough of them turn out to be customers

# Read from an index alone, this takes a tenth of a second for half a million purchases; counting orders takes two. The
# lines of an order share its time, so the order of shoppers comes out the same.
_MOMENTS = (
    "SELECT shopper_id, COUNT(DISTINCT time_ms) AS moments FROM events "
    "WHERE shop_id = {0} AND shopper_id IS NOT NULL GROUP BY shopper_id"
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A real customer of the shop. `last_bought`: item ids, newest first."""

    shopper_id: str
    orders: int
    last_bought: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Circle:
    """Customers who order about as often as each other."""

    title: str
    customers: Sequence[Customer]


class Customers:
    """The customers each demo shop offers to sign in as, counted once in a while."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Sequence[Circle]]] = {}
        self._lock = asyncio.Lock()

    async def of(self, shop: Shop) -> Sequence[Circle]:
        """Circles of customers, those with most orders first; empty for a shop without purchases."""
        async with self._lock:
            counted_at, circles = self._kept.get(shop.id, (0.0, ()))
            if not circles or time.monotonic() - counted_at > _KEPT_S:
                circles = await _count(shop)
                self._kept[shop.id] = (time.monotonic(), circles)
            return circles


async def _count(shop: Shop) -> Sequence[Circle]:
    query = _MOMENTS.format("?" if database.is_sqlite() else "$1")
    rows = await database.reader().execute_query_dict(query, [shop.id])
    moments = {str(row["shopper_id"]): int(row["moments"]) for row in rows if not row["shopper_id"].startswith(_NOBODY)}
    busiest = sorted(moments, key=lambda shopper_id: (-moments[shopper_id], shopper_id))
    returned = [shopper_id for shopper_id in busiest if moments[shopper_id] > 1]
    # "some" is the middle of those who came back, so that both ends of the shop's life are on offer
    middle = max(_OF_EACH, len(returned) // 2)
    parts = {"Most orders": returned, "Some orders": returned[middle:], "One order": busiest[len(returned) :]}
    circles = [Circle(title, await _customers(shop, shopper_ids)) for title, shopper_ids in parts.items()]
    return [circle for circle in circles if circle.customers]


async def _customers(shop: Shop, shopper_ids: Sequence[str]) -> list[Customer]:
    found: list[Customer] = []
    for shopper_id in shopper_ids[:_MOST_LOOKED_AT]:
        if len(found) == _OF_EACH:
            break
        bought = shop.events.filter(shopper_id=shopper_id, type="purchase").using_db(database.reader())
        orders = len(await bought.distinct().values_list("transaction_id", flat=True))
        newest: list[Any] = await bought.order_by("-time_ms").limit(_LAST_BOUGHT * 4).values_list("item_id", flat=True)
        if orders:  # who only looked around is no customer yet
            found.append(Customer(shopper_id, orders, tuple(dict.fromkeys(newest))[:_LAST_BOUGHT]))
    return sorted(found, key=lambda customer: -customer.orders)
