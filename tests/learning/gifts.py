"""A small real shop: the most sold goods of the gift shop, and the first months of its invoices."""

import csv
import gzip
import shutil
from collections import Counter as Tally
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from server.catalog.fields import ItemFields
from server.learning import versions
from server.learning.build import build
from server.learning.progress import Silent
from server.learning.train import train
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs
from tests.serving.goods import happen, stock

GIFT_SHOP = Path(__file__).parents[2] / "server" / "demo" / "data" / "gift-shop"
PRODUCTS = 150
_LINES = 130_000  # three months of orders
_MOST_LINES = 4  # of an order that are kept: the shop sells to wholesalers too


@cache
def orders() -> list[dict[str, Any]]:
    """Purchases of known customers, oldest first, with the lines on the goods that are kept."""
    with gzip.open(GIFT_SHOP / "transactions.csv.gz", "rt", encoding="utf-8") as file:
        lines = [line for line in islice(csv.DictReader(file), _LINES) if _is_sale(line)]
    kept = {code for code, _ in Tally(line["StockCode"] for line in lines).most_common(PRODUCTS)}
    invoices: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line["StockCode"] not in kept:
            continue
        invoice = invoices.setdefault(
            line["InvoiceNo"],
            {
                "type": "purchase",
                "event_id": line["InvoiceNo"],
                "transaction_id": line["InvoiceNo"],
                "shopper_id": line["CustomerID"],
                "time": f"{line['InvoiceDate'].replace(' ', 'T')}Z",
                "items": {},
            },
        )
        invoice["items"][line["StockCode"]] = float(line["UnitPrice"])
    return [
        {**invoice, "items": [{"item_id": code} for code in list(invoice["items"])[:_MOST_LINES]]}
        for invoice in invoices.values()
    ]


def _is_sale(line: dict[str, str]) -> bool:
    return bool(line["CustomerID"]) and int(line["Quantity"]) > 0 and float(line["UnitPrice"]) > 0


@cache
def goods() -> list[ItemFields]:
    """The products of these orders, by their number."""
    sold = sorted({item["item_id"] for order in orders() for item in order["items"]})
    with gzip.open(GIFT_SHOP / "items.csv.gz", "rt", encoding="utf-8") as file:
        known = {row["StockCode"]: row for row in csv.DictReader(file)}
    return [
        ItemFields(item_id=code, title=known[code]["description"], price=float(known[code]["median_price"]))
        for code in sold
        if code in known
    ]


async def open_gift_shop(
    settings: Settings, redis: Redis, shop: Shop, *, without: tuple[str, ...] = (), most_orders: int | None = None
) -> None:
    """Fill the shop; `without`: these products are not in the catalog yet."""
    await stock(shop, redis, [item for item in goods() if item.item_id not in without])
    await happen(settings, redis, shop, orders()[:most_orders])


class Trained(NamedTuple):
    """What one training said, and the folder of its model."""

    told: dict[str, Any]
    folder: Path


_trained: list[Trained] = []  # of this process: a training takes a while


async def open_trained_gift_shop(settings: Settings, redis: Redis, shop: Shop, kept: Path) -> dict[str, Any]:
    """Fill the shop and train it; gives what the training said. The model of the first one serves all that follow.

    `kept`: a folder that outlives single tests.
    """
    await open_gift_shop(settings, redis, shop)
    if not _trained:
        told = await train(shop, settings, Silent())
        version = await ModelVersion.get(shop_id=shop.id, number=int(told["model_version"].removeprefix("m_")))
        folder = kept / "gift-shop-model"
        shutil.copytree(blobs.path_of(settings, version.trained), folder)
        _trained.append(Trained(told, folder))
        return told
    told, folder = _trained[0]
    name = f"{versions.MODELS}/{shop.id}/{folder.name}"
    shutil.copytree(folder, blobs.path_of(settings, name))
    await build(shop, settings, trained=name, training=versions.Training(told, 1.0))
    return told
