"""A shopper who is not to be recognised still sees lists that follow what they look at."""

from redis.asyncio import Redis

from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import Counter, goods, stock


async def test_list_follows_the_items_of_the_tab(settings: Settings, redis: Redis, shop: Shop) -> None:
    await stock(shop, redis, goods(60))
    counter = Counter(settings, redis, shop)
    await counter.learn()
    shirts = await counter.ask(placement="home", recent_item_ids=("sku-0", "sku-6"), limit=5)
    coats = await counter.ask(placement="home", recent_item_ids=("sku-1",), limit=5)
    assert [item["title"].split()[1] for item in shirts["items"]].count("shirt") >= 3
    assert [item["title"].split()[1] for item in coats["items"]].count("coat") >= 3
    assert {"sku-0", "sku-6"}.isdisjoint(item["item_id"] for item in shirts["items"])
    assert shirts["items"][0]["reason"]["code"] == "because-viewed"
    assert await redis.keys("vitrina:*recent:*") == []
