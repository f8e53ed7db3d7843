"""Answers for a shop that has no snapshot yet: its newest products, straight from the database.

The first of them are read about once a second, however many ask; only a narrow filter reads further.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection

from server.serving import categories, products
from server.serving.products import Product
from server.serving.question import Question
from server.shops.models import Shop
from server.storage import database

KEPT_S = 0.8  # what is sold out must be gone within a second
ITEMS_AT_ONCE = 300
_MOST_SHOPS = 64


class Newest:
    """The newest products of shops without a snapshot. Used by one event loop only."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[float, asyncio.Task[list[Product]]]] = {}

    async def find(self, shop_id: str, question: Question, avoid: Collection[str] = ()) -> list[Product]:
        """At most `question.limit` products that pass its filters, newest first; `avoid`: ids to leave out besides."""
        left_out = {*question.item_ids, *question.exclude, *avoid}
        found: list[Product] = []
        async for product in self._all(shop_id):
            if left_out.isdisjoint((product.group_id, *product.item_ids)) and _passes(product, question):
                found.append(product)
                if len(found) >= question.limit:
                    break
        return found

    async def _all(self, shop_id: str) -> AsyncIterator[Product]:
        seen: set[str] = set()
        offset = 0
        while page := await (self._shared(shop_id) if offset == 0 else _read(shop_id, offset)):
            for product in page:
                if product.group_id not in seen:
                    seen.add(product.group_id)
                    yield product
            offset += ITEMS_AT_ONCE

    async def _shared(self, shop_id: str) -> list[Product]:
        now = time.monotonic()
        until, reading = self._first.get(shop_id, (0.0, None))
        if reading is None or until < now or (reading.done() and (reading.cancelled() or reading.exception())):
            if len(self._first) >= _MOST_SHOPS:
                self._first.clear()
            reading = asyncio.create_task(_read(shop_id, 0))
            self._first[shop_id] = (now + KEPT_S, reading)
        return await asyncio.shield(reading)


async def _read(shop_id: str, offset: int) -> list[Product]:
    """The products of one page of items, the latest change first: that order has an index."""
    shop = await Shop.get_or_none(id=shop_id, using_db=database.reader())
    if shop is None:
        return []
    items = shop.items.all().using_db(database.reader()).order_by("-updated_at", "-id")
    group_ids = await items.offset(offset).limit(ITEMS_AT_ONCE).values_list("group_id", flat=True)
    ordered = list(dict.fromkeys(map(str, group_ids)))
    found = await products.of_groups(shop, ordered)
    return [found[group_id] for group_id in ordered if group_id in found]


def _passes(product: Product, question: Question) -> bool:
    if question.in_stock and not product.available:
        return False
    if question.price_min is not None and not product.price >= question.price_min:
        return False
    if question.price_max is not None and not product.price <= question.price_max:
        return False
    if question.category is None:
        return True
    wanted = categories.key_of(question.category)
    return any(wanted in categories.keys_of(path) for path in product.categories)
