"""A shop with goods, and one process's way of serving it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import Counter, goods, stock


@pytest.fixture
async def counter(settings: Settings, redis: Redis, shop: Shop) -> AsyncIterator[Counter]:
    """Serving of `shop`, which is empty yet."""
    found = Counter(settings, redis, shop)
    yield found
    await found.shelf.close()


@pytest.fixture
async def stocked(counter: Counter) -> Counter:
    """Serving of `shop`, with 60 products in it that are learned."""
    await stock(counter.shop, counter.redis, goods(60))
    await counter.learn()
    return counter
