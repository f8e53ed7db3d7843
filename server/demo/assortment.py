"""What a demo shop has on show: its products in memory as the pages need them, and its tree of categories.

A product is a group of items, shown by its representative. Every few seconds it is asked whether anything changed; the
items are read again only then. What the shop sells most comes first, as far as its snapshot knows.
"""

import asyncio
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from server.demo.departments import OTHERS, department_of
from server.serving.live import Live
from server.serving.shelf import Shelf
from server.shops.models import Shop
from server.storage import database

RECOMMENDABLE = frozenset({"in_stock", "preorder", "backorder"})
_STALE_AFTER_S = 3.0  # a change of the catalog shows within this time; two cheap queries per shop and interval
_COLUMNS = (
    *("item_id", "group_id", "title", "image_url", "price", "sale_price", "currency", "availability"),
    *("categories", "tags", "attributes"),
)

Stamp = tuple[int, Any, int]  # how many items, when one last changed, the snapshot's number


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the grid."""

    item_id: str
    group_id: str
    title: str
    image_url: str
    price: float | None
    sale_price: float | None
    currency: str
    available: bool
    paths: tuple[tuple[str, ...], ...]
    tags: tuple[str, ...]
    colours: tuple[str, ...]

    @property
    def to_pay(self) -> float | None:
        """The price that counts today."""
        return self.price if self.sale_price is None else self.sale_price

    @property
    def on_sale(self) -> bool:
        """Whether the sale price is below the usual one."""
        return self.price is not None and self.sale_price is not None and self.sale_price < self.price


@dataclass(slots=True)
class Category:
    """One category; `products` holds those of its children too, in catalog order."""

    path: tuple[str, ...]
    address: str
    children: list["Category"] = field(default_factory=list["Category"])
    products: list[Product] = field(default_factory=list[Product])

    @property
    def name(self) -> str:
        """The last word of its path."""
        return self.path[-1] if self.path else ""

    @property
    def cover(self) -> Product | None:
        """A product to stand for the category, with an image where one has."""
        return next(
            (product for product in self.products if product.image_url), self.products[0] if self.products else None
        )


@dataclass(frozen=True, slots=True)
class Assortment:
    """Everything one shop shows. `categories`: by address, such as `women/tops`."""

    shop: Shop
    stamp: Stamp
    products: tuple[Product, ...]
    by_item: dict[str, Product]
    categories: dict[str, Category]
    has_own_categories: bool

    @property
    def root(self) -> Category:
        """The category of everything."""
        return self.categories[""]

    def of(self, item_ids: Iterable[str]) -> list[Product]:
        """The products of these items, each once, without the unknown."""
        found = {
            self.by_item[item_id].group_id: self.by_item[item_id] for item_id in item_ids if item_id in self.by_item
        }
        return list(found.values())

    def crumbs(self, path: tuple[str, ...]) -> list[Category]:
        """The categories from the top down to this path."""
        found = (self.categories.get(address_of(path[:depth])) for depth in range(1, len(path) + 1))
        return [category for category in found if category]


class Assortments:
    """The assortments of the demo shops, kept fresh."""

    def __init__(self) -> None:
        self._kept: dict[str, Assortment] = {}
        self._checked: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, shop_id: str, shelf: Shelf) -> Assortment | None:
        """The assortment of a shop; None when there is no such shop (any more)."""
        if time.monotonic() - self._checked.get(shop_id, -_STALE_AFTER_S) < _STALE_AFTER_S:
            return self._kept.get(shop_id)
        lock = self._locks.setdefault(shop_id, asyncio.Lock())
        if lock.locked() and shop_id in self._kept:
            return self._kept[shop_id]  # somebody is looking already; nobody waits for it
        async with lock:
            return await self._refresh(shop_id, shelf)

    async def _refresh(self, shop_id: str, shelf: Shelf) -> Assortment | None:
        shop = await Shop.filter(id=shop_id).using_db(database.reader()).first()
        if shop is None:
            self._kept.pop(shop_id, None)
            return None
        live = await shelf.get(shop_id)
        stamp = await _stamp(shop, live)
        kept = self._kept.get(shop_id)
        if kept is None or kept.stamp != stamp:
            self._kept[shop_id] = await _read(shop, stamp, live)
        self._checked[shop_id] = time.monotonic()
        return self._kept[shop_id]


async def _stamp(shop: Shop, live: Live | None) -> Stamp:
    items = shop.items.all().using_db(database.reader())
    newest = await items.order_by("-updated_at").first().values_list("updated_at", flat=True)
    count = await shop.items.all().using_db(database.reader()).count()
    return count, newest, live.snapshot.manifest.number if live else 0


async def _read(shop: Shop, stamp: Stamp, live: Live | None) -> Assortment:
    rows = await shop.items.all().using_db(database.reader()).order_by("id").values(*_COLUMNS)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group_id"], []).append(row)
    own = any(row["categories"] for row in rows)
    products = tuple(_popular_first([_product(members, shop, own) for members in groups.values()], live))
    by_item = {row["item_id"]: product for product in products for row in groups[product.group_id]}
    by_item |= {product.group_id: product for product in products}
    return Assortment(shop, stamp, products, by_item, _tree(products), own)


def _popular_first(products: list[Product], live: Live | None) -> list[Product]:
    if live is None or not live.snapshot.manifest.events:
        return products  # nobody has bought anything: the catalog's own order is better than none
    popularity = live.snapshot.popularity  # (n,) float32 by row

    def rank(product: Product) -> float:
        row = live.row_of(product.group_id)
        return -float(popularity[row]) if row >= 0 else 0.0

    return sorted(products, key=rank)


def _product(members: list[dict[str, Any]], shop: Shop, own_categories: bool) -> Product:
    shown = representative(members)
    categories = shown["categories"] or next((row["categories"] for row in members if row["categories"]), [])
    if not own_categories:
        categories = [department_of(shown["title"])]
    return Product(
        item_id=shown["item_id"],
        group_id=shown["group_id"],
        title=shown["title"],
        image_url=shown["image_url"],
        price=shown["price"],
        sale_price=shown["sale_price"],
        currency=shown["currency"] or shop.currency,
        available=any(row["availability"] in RECOMMENDABLE for row in members),
        paths=tuple(_path(category) for category in categories),
        tags=tuple(shown["tags"] or ()),
        colours=tuple(dict.fromkeys(filter(None, map(colour_of, members)))),
    )


def representative(members: list[dict[str, Any]]) -> dict[str, Any]:
    """The item that stands for its group: the one whose id is the group's if available, else the first available."""
    first = next((row for row in members if row["item_id"] == row["group_id"]), members[0])
    if first["availability"] in RECOMMENDABLE:
        return first
    return next((row for row in members if row["availability"] in RECOMMENDABLE), first)


def colour_of(row: dict[str, Any]) -> str:
    """The colour an item is sold in, empty when it tells none or is more than one colour's parent."""
    attributes = row["attributes"] or {}
    value = attributes.get("color") or attributes.get("colour") or ""
    return value if isinstance(value, str) else ""


def _path(category: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in category.split(">") if name.strip())


def _tree(products: tuple[Product, ...]) -> dict[str, Category]:
    tree = {"": Category((), "", products=list(products))}
    for product in products:
        for category in {id(category): category for category in _categories(product, tree)}.values():
            category.products.append(product)
    for category in tree.values():
        category.children.sort(key=lambda child: (child.name == OTHERS, -len(child.products)))
    return tree


def _categories(product: Product, tree: dict[str, Category]) -> Iterator[Category]:
    for path in product.paths:
        parent = tree[""]
        for depth in range(1, len(path) + 1):
            address = address_of(path[:depth])
            if address not in tree:
                tree[address] = Category(path[:depth], address)
                parent.children.append(tree[address])
            parent = tree[address]
            yield parent


def address_of(path: tuple[str, ...]) -> str:
    """The address of a category: `("Women", "Bras & Tanks")` becomes `women/bras-tanks`."""
    return "/".join(_slug(name) for name in path)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    words = "".join(character if character.isalnum() else " " for character in plain).split()
    return "-".join(words) or "-"
