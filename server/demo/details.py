"""A product page's facts: the group's items as choices of colour, all images, and the attributes worth telling."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from server.demo.assortment import RECOMMENDABLE, Product, colour_of, representative
from server.shops.models import Shop
from server.storage import database

_COLUMNS = (
    *("item_id", "group_id", "title", "description", "brand", "image_url", "additional_image_urls"),
    *("price", "sale_price", "currency", "availability", "attributes"),
)
_MOST_FACTS = 12
_UNTOLD = frozenset({"color", "colour", "colors", "colours"})  # the choices show them
_SIZES = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL")


@dataclass(frozen=True, slots=True)
class Choice:
    """One item of a product's group that a shopper may pick."""

    item_id: str
    name: str
    image_url: str
    available: bool


@dataclass(frozen=True, slots=True)
class Details:
    """One product page. `item_id` is the item that goes into the cart: the chosen colour, else the product itself."""

    item_id: str
    title: str
    description: str
    brand: str
    price: float | None
    sale_price: float | None
    currency: str
    available: bool
    colour: str
    images: Sequence[str]
    choices: Sequence[Choice]
    facts: Sequence[tuple[str, str]]


async def details_of(shop: Shop, product: Product, item_id: str) -> Details | None:
    """The facts of one product with `item_id` chosen; None when it was deleted a moment ago."""
    found = shop.items.filter(group_id=product.group_id).using_db(database.reader()).order_by("id")
    members = await found.values(*_COLUMNS)
    if not members:
        return None
    parent = representative(members)
    chosen = _chosen(members, parent, item_id)
    return Details(
        item_id=chosen["item_id"],
        title=parent["title"],
        description=chosen["description"] or parent["description"],
        brand=chosen["brand"] or parent["brand"],
        price=chosen["price"],
        sale_price=chosen["sale_price"],
        currency=chosen["currency"] or shop.currency,
        available=chosen["availability"] in RECOMMENDABLE,
        colour=colour_of(chosen),
        images=_images(chosen, parent),
        choices=[_choice(row) for row in members if colour_of(row)],
        facts=_facts(parent["attributes"] or {}),
    )


def _chosen(members: list[dict[str, Any]], parent: dict[str, Any], item_id: str) -> dict[str, Any]:
    asked = next((row for row in members if row["item_id"] == item_id), parent)
    coloured = [row for row in members if colour_of(row)]
    if colour_of(asked) or not coloured:
        return asked
    # the product itself is not a colour: begin with the one its first picture shows
    pictured = (row for row in coloured if row["image_url"] == asked["image_url"])
    return next(pictured, next((row for row in coloured if row["availability"] in RECOMMENDABLE), coloured[0]))


def _images(chosen: dict[str, Any], parent: dict[str, Any]) -> list[str]:
    urls = [chosen["image_url"], *(chosen["additional_image_urls"] or [])]
    urls += [parent["image_url"], *(parent["additional_image_urls"] or [])]
    return list(dict.fromkeys(filter(None, urls)))


def _choice(row: dict[str, Any]) -> Choice:
    return Choice(row["item_id"], colour_of(row), row["image_url"], row["availability"] in RECOMMENDABLE)


def _facts(attributes: dict[str, Any]) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    for name, value in attributes.items():
        values = [unescape(str(one)) for one in (value if isinstance(value, list) else [value])]
        if name in _UNTOLD or isinstance(value, dict) or values in (["No"], [""], ["None"]):
            continue
        facts.append((name.replace("_", " ").capitalize(), ", ".join(sorted(values, key=_size_order))))
    return facts[:_MOST_FACTS]


def _size_order(value: str) -> int:
    return _SIZES.index(value) if value in _SIZES else len(_SIZES)
