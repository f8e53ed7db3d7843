"""Items folded into products: variants that share `group_id` are one product, one row of a snapshot, one card.

The one place that says which variant stands for its product, when a product can be bought, and what a card shows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from server.shops.models import Shop
from server.storage import database

BUYABLE = frozenset(("in_stock", "preorder", "backorder"))
LONGEST_NAME = 80  # a name inside a reason is cut here, so that a reason stays one line


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a recommendation shows of an item. Prices are in `currency` (ISO 4217)."""

    item_id: str
    title: str
    url: str
    image_url: str
    price: float | None
    currency: str
    availability: str
    sale_price: float | None = None
    brand: str = ""
    group_id: str = ""


class Member(NamedTuple):
    """The columns of an item that serving needs, in the order of `COLUMNS`."""

    id: int
    item_id: str
    group_id: str
    title: str
    url: str
    image_url: str
    price: float | None
    sale_price: float | None
    currency: str
    availability: str
    brand: str
    categories: list[str]
    links: dict[str, list[str]]
    created_at: datetime


COLUMNS = Member._fields


class Product(NamedTuple):
    """One product. `card` is the open JSON object of its card, `name` its title as the inside of a JSON string."""

    group_id: str
    item_ids: tuple[str, ...]
    card: bytes
    name: bytes
    price: float  # what is asked today, NaN when unknown
    available: bool
    brand: str
    categories: tuple[str, ...]
    links: dict[str, list[str]]
    created_ms: int


async def of_groups(shop: Shop, group_ids: Sequence[str]) -> dict[str, Product]:
    """Read these products from the database as they are now; one that has no item left is missing in the answer."""
    rows = await (
        shop.items.filter(group_id__in=list(group_ids))
        .using_db(database.reader())
        .order_by("group_id", "id")
        .values_list(*COLUMNS)
    )
    return {product.group_id: product for product in fold(map(Member._make, rows), shop.currency)}


def fold(members: Iterable[Member], currency: str) -> Iterable[Product]:
    """Products of items that come ordered by group; `currency` is the shop's, for items that name none."""
    group: list[Member] = []
    for member in members:
        if group and group[0].group_id != member.group_id:
            yield _product(group, currency)
            group = []
        group.append(member)
    if group:
        yield _product(group, currency)


def _product(members: list[Member], currency: str) -> Product:
    buyable = [member for member in members if member.availability in BUYABLE]
    head = next((member for member in members if member.item_id == member.group_id), (buyable or members)[0])
    shown = head if head.availability in BUYABLE or not buyable else buyable[0]
    return Product(
        group_id=head.group_id,
        item_ids=tuple(member.item_id for member in members),
        card=card_of(shown, currency),
        name=name_of(head.title),
        price=_price(shown),
        available=bool(buyable),
        brand=head.brand,
        categories=tuple(head.categories or shown.categories),
        links=_links(members),
        created_ms=int(min(member.created_at for member in members).timestamp() * 1000),
    )


def card_of(item: Member, currency: str) -> bytes:
    """The card as JSON without its closing brace: score and reason are added per answer."""
    card = Card(
        item_id=item.item_id,
        title=item.title,
        url=item.url,
        image_url=item.image_url,
        price=item.price,
        currency=item.currency or currency,
        availability=item.availability,
        sale_price=item.sale_price,
        brand=item.brand,
        group_id="" if item.group_id == item.item_id else item.group_id,
    )
    return msgspec.json.encode(card)[:-1]


def name_of(title: str) -> bytes:
    """The title for use inside a reason's text."""
    name = title if len(title) <= LONGEST_NAME else title[: LONGEST_NAME - 1].rstrip() + "…"
    return msgspec.json.encode(name)[1:-1]


def _price(item: Member) -> float:
    prices = [price for price in (item.price, item.sale_price) if price is not None]
    return min(prices) if prices else float("nan")


def _links(members: list[Member]) -> dict[str, list[str]]:
    linked: dict[str, dict[str, Any]] = {}
    for member in members:
        for kind, item_ids in (member.links or {}).items():
            linked.setdefault(kind, {}).update(dict.fromkeys(item_ids))
    return {kind: list(item_ids) for kind, item_ids in linked.items()}
