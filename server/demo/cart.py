"""What a visitor collects: likes, the cart, and the pretend checkout that turns the cart into an order."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from server.demo.assortment import RECOMMENDABLE, Product, colour_of
from server.demo.storefront import Missing, Refused, Storefront
from server.demo.visit import MOST_OF_ONE, Line
from server.storage import database

_COLUMNS = ("item_id", "title", "image_url", "price", "sale_price", "currency", "availability", "attributes")


@dataclass(frozen=True, slots=True)
class Position:
    """One line of the cart or of an order as the page shows it."""

    item_id: str
    title: str
    colour: str
    image_url: str
    price: float | None
    currency: str
    quantity: int
    available: bool

    @property
    def amount(self) -> float:
        """What the line costs."""
        return round((self.price or 0) * self.quantity, 2)


async def likes(front: Storefront) -> Response:
    """The products the visitor likes."""
    return front.page("likes.html", products=front.assortment.of(front.visit.likes))


async def like(front: Storefront) -> Response:
    """Like a product, or no longer."""
    found = _known(front)
    liked = front.form.get("liked") != "0"
    said = f"{found.title} is among your likes." if liked else f"{found.title} is no longer among your likes."
    to = front.form.get("next") or front.product_address(found.item_id)
    return front.changed(front.visit.with_like(found.item_id, liked), to, said)


async def show(front: Storefront) -> Response:
    """The cart."""
    positions = await _positions(front, front.visit.cart)
    events = [_event("view_cart", positions)] if positions else []
    return front.page("cart.html", positions=positions, total=_total(positions), events=events, most=MOST_OF_ONE)


async def put(front: Storefront) -> Response:
    """Add pieces of an item to the cart (`add`), or say how many it shall be (`quantity`; 0 takes it out)."""
    found, item_id = _known(front), front.form["item_id"]
    there = front.visit.quantity_of(item_id)
    adding = "quantity" not in front.form
    quantity = there + _whole(front.form.get("add", "1")) if adding else _whole(front.form["quantity"])
    if quantity > there and not found.available:
        raise Refused(f"{found.title} is sold out at the moment.")
    said = f"{found.title} is in your cart." if quantity else f"{found.title} is no longer in your cart."
    to = front.form.get("next") or f"{front.home}/cart"
    return front.changed(front.visit.with_line(item_id, quantity), to, said)


async def checkout(front: Storefront) -> Response:
    """The last look before the pretend order."""
    positions = await _positions(front, front.visit.cart)
    events = [_event("begin_checkout", positions)] if positions else []
    return front.page("checkout.html", positions=positions, total=_total(positions), events=events)


async def order(front: Storefront) -> Response:
    """Turn the cart into a pretend order."""
    if not await _positions(front, front.visit.cart):
        return front.changed(front.visit, f"{front.home}/cart", "Your cart is empty.")
    number = f"D{secrets.token_hex(5).upper()}"
    return front.changed(front.visit.ordered(number), f"{front.home}/order", "Thank you.")


async def confirmation(front: Storefront) -> Response:
    """The last pretend order."""
    placed = front.visit.order
    positions = await _positions(front, placed.lines) if placed else []
    if placed is None or not positions:
        raise Missing("There is no order yet. The cart leads to one.")
    # the order's number is the event's id too: looking at the page again counts nothing twice
    purchase = _event("purchase", positions, transaction_id=placed.number, event_id=f"order-{placed.number}")
    return front.page(
        "order.html", number=placed.number, positions=positions, total=_total(positions), events=[purchase]
    )


def _known(front: Storefront) -> Product:
    found = front.assortment.by_item.get(front.form.get("item_id", ""))
    if found is None:
        raise Missing("This product is not in the shop, or no longer.")
    return found


def _whole(text: str) -> int:
    return min(int(text), MOST_OF_ONE) if text.isascii() and text.isdigit() and len(text) < 4 else 1


async def _positions(front: Storefront, lines: Sequence[Line]) -> list[Position]:
    if not lines:
        return []
    shop = front.assortment.shop
    found = shop.items.filter(item_id__in=[line.item_id for line in lines]).using_db(database.reader())
    rows: dict[str, dict[str, Any]] = {row["item_id"]: row for row in await found.values(*_COLUMNS)}
    return [_position(rows[line.item_id], line, front) for line in lines if line.item_id in rows]


def _position(row: dict[str, Any], line: Line, front: Storefront) -> Position:
    product = front.assortment.by_item.get(line.item_id)
    return Position(
        item_id=line.item_id,
        title=product.title if product else row["title"],
        colour=colour_of(row),
        image_url=row["image_url"],
        price=row["price"] if row["sale_price"] is None else row["sale_price"],
        currency=row["currency"] or front.assortment.shop.currency,
        quantity=line.quantity,
        available=row["availability"] in RECOMMENDABLE,
    )


def _total(positions: Sequence[Position]) -> float:
    return round(sum(position.amount for position in positions), 2)


def _event(kind: str, positions: Sequence[Position], **more: str) -> dict[str, Any]:
    items = [
        {"item_id": position.item_id, "quantity": position.quantity, "price": position.price} for position in positions
    ]
    payload = {"items": items, "currency": positions[0].currency, "value": _total(positions), **more}
    return {"type": kind, "payload": payload}
