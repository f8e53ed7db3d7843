"""What tests of serving need: goods in a shop, vectors of their titles, events of shoppers, by the real ways in."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from redis.asyncio import Redis

from server.catalog import items as catalog
from server.catalog.fields import ItemFields
from server.catalog.models import Encoding, Item
from server.events.ingest import Ingest
from server.events.recents import Recents
from server.learning.build import build
from server.serving.question import Question
from server.serving.recommend import recommend
from server.serving.shelf import Shelf
from server.settings import Settings
from server.shops.models import Shop

KINDS = ("linen shirt", "wool coat", "leather belt", "silk scarf", "running shoe", "rain boot")


def goods(count: int) -> list[ItemFields]:
    """Products of six kinds, each kind a category with two brands, at prices from 10 up."""
    return [
        ItemFields(
            item_id=f"sku-{number}",
            title=f"{KINDS[number % 6]} model {number}",
            price=10.0 + number,
            brand=f"brand {number % 12 // 6} of {KINDS[number % 6]}",
            categories=[f"Wear > {KINDS[number % 6].split()[1]}s"],
        )
        for number in range(count)
    ]


async def stock(shop: Shop, redis: Redis, items: Sequence[ItemFields]) -> None:
    """Put the items into the shop's catalog, with a vector for each title."""
    for start in range(0, len(items), 500):
        await catalog.upsert(shop, items[start : start + 500], redis)
    rows = await Item.filter(shop_id=shop.id).values_list("content_hash", "title")
    known = set(await Encoding.filter(shop_id=shop.id).values_list("content_hash", flat=True))
    new = {content_hash: title for content_hash, title in rows if content_hash not in known}
    await Encoding.bulk_create(
        [
            Encoding(shop_id=shop.id, encoder="words/text", content_hash=key, vector=_vector(title).tobytes())
            for key, title in new.items()
        ]
    )


def _vector(title: str) -> np.ndarray:
    """The words of a title, hashed into 64 numbers."""
    vector = np.zeros(64)
    for word in title.split():
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "little")
        vector += np.random.default_rng(seed).standard_normal(64)
    return (vector / np.linalg.norm(vector)).astype("<f2")


async def happen(settings: Settings, redis: Redis, shop: Shop, events: Iterable[dict[str, Any]]) -> None:
    """Let events in as the API does."""
    ingest = Ingest(settings, redis)
    await ingest.start()
    numbered = [{"event_id": f"e{number}-{id(events)}", **event} for number, event in enumerate(events)]
    for start in range(0, len(numbered), 500):
        outcome = await ingest.accept(shop.id, numbered[start : start + 500], trusted=True)
        assert not outcome.rejected, outcome.rejected
    await ingest.stop()


def purchase(shopper: str, order: str, *item_ids: str, time: str = "2026-01-10T12:00:00Z") -> dict[str, Any]:
    """One order."""
    items = [{"item_id": item_id} for item_id in item_ids]
    return {"type": "purchase", "shopper_id": shopper, "transaction_id": order, "time": time, "items": items}


class Counter:
    """One API process's worth of serving: asks for lists and reads them."""

    def __init__(self, settings: Settings, redis: Redis, shop: Shop) -> None:
        self.settings, self.redis, self.shop = settings, redis, shop
        self.shelf = Shelf(settings)
        self.recents = Recents(redis)

    async def learn(self) -> None:
        """Build the next snapshot and take it."""
        await build(self.shop, self.settings)
        await self.shelf.on_connect()
        await self.shelf.settled()

    async def ask(self, **question: Any) -> dict[str, Any]:
        """One list."""
        answer = await recommend(self.shop.id, Question(**question), self.shelf, self.recents)
        return msgspec.json.decode(answer.body())

    async def ids(self, **question: Any) -> list[str]:
        """The item ids of one list."""
        return [item["item_id"] for item in (await self.ask(**question))["items"]]
