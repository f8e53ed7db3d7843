"""Shoppers with habits, for tests that train: each keeps to a kind of product, and takes what follows in its line."""

from typing import Any

import numpy as np
from redis.asyncio import Redis

from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import goods, happen, stock

PRODUCTS, SHOPPERS, TAKEN = 60, 300, 8
_BEGIN_MS = 1_760_000_000_000
_DAYS = 50


def takings(seed: int = 0, *, shuffled: bool = False) -> list[dict[str, Any]]:
    """Views by shoppers. `shuffled`: who took what is chance, so that there is nothing to learn."""
    random = np.random.default_rng(seed)
    shoppers = np.repeat(np.arange(SHOPPERS), TAKEN)
    starts = random.integers(0, PRODUCTS, SHOPPERS)
    skips = np.cumsum(1 + (random.random((SHOPPERS, TAKEN)) < 0.3), axis=1)  # mostly the next of its kind
    rows = ((starts[:, None] + 6 * skips) % PRODUCTS).ravel()
    if shuffled:
        random.shuffle(rows)
    spread = np.sort(random.random((SHOPPERS, TAKEN)), axis=1).ravel()
    times = (_BEGIN_MS + spread * _DAYS * 86_400_000).astype(np.int64)
    return [
        {"type": "view_item", "shopper_id": f"shopper-{shopper}", "item_id": f"sku-{row}", "time": int(time)}
        for shopper, row, time in sorted(zip(shoppers, rows, times, strict=True), key=lambda each: each[2])
    ]


async def open_with_habits(settings: Settings, redis: Redis, shop: Shop, **how: Any) -> None:
    """Fill the shop with products and what its shoppers did."""
    await stock(shop, redis, goods(PRODUCTS))
    await happen(settings, redis, shop, takings(**how))
