"""A shop whose snapshots are built and read."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import Counter


@pytest.fixture
async def counter(settings: Settings, redis: Redis, shop: Shop) -> AsyncIterator[Counter]:
    """Serving of `shop`, which is empty yet."""
    found = Counter(settings, redis, shop)
    yield found
    await found.shelf.close()
