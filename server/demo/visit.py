"""What one visitor carries through a demo shop: cart, likes, who they signed in as and their last pretend order.

It lives in one cookie of the browser, so that the demo keeps nothing about anybody. The cookie is the visitor's own to
change; whatever cannot be read is an empty visit.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

MOST_LINES = 25
MOST_LIKES = 40
MOST_OF_ONE = 99
_MOST_BYTES = 3800  # browsers keep 4,096 bytes of a cookie, its name and attributes among them

ItemId = Annotated[str, Meta(min_length=1, max_length=128)]
Quantity = Annotated[int, Meta(ge=1, le=MOST_OF_ONE)]


class Line(msgspec.Struct, frozen=True, array_like=True):
    """So many of one item."""

    item_id: ItemId
    quantity: Quantity


class Order(msgspec.Struct, frozen=True):
    """A pretend order."""

    number: Annotated[str, Meta(max_length=32)]
    lines: tuple[Line, ...]


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """The visitor's state. `shopper_id` is empty for a guest; `orders` is how many orders the shop knows of them."""

    cart: tuple[Line, ...] = ()
    likes: tuple[ItemId, ...] = ()
    shopper_id: Annotated[str, Meta(max_length=128)] = ""
    orders: int = 0
    order: Order | None = None

    @property
    def pieces(self) -> int:
        """How many pieces lie in the cart."""
        return sum(line.quantity for line in self.cart)

    def with_line(self, item_id: str, quantity: int) -> "Visit":
        """The visit with `quantity` of an item in the cart; 0 takes it out. The cart keeps its newest lines."""
        quantity = min(quantity, MOST_OF_ONE)
        others = tuple(line for line in self.cart if line.item_id != item_id)
        if quantity < 1:
            return replace(self, cart=others)
        if len(others) == len(self.cart):
            return replace(self, cart=(*others, Line(item_id, quantity))[-MOST_LINES:])
        lines = (Line(item_id, quantity) if line.item_id == item_id else line for line in self.cart)
        return replace(self, cart=tuple(lines))

    def quantity_of(self, item_id: str) -> int:
        """How many of an item lie in the cart."""
        return next((line.quantity for line in self.cart if line.item_id == item_id), 0)

    def with_like(self, item_id: str, liked: bool) -> "Visit":
        """The visit with an item liked or no longer liked; the newest like comes first."""
        others = tuple(other for other in self.likes if other != item_id)
        return replace(self, likes=((item_id, *others) if liked else others)[:MOST_LIKES])

    def signed_in(self, shopper_id: str, orders: int) -> "Visit":
        """Somebody else's visit begins: their cart and likes are their own."""
        return self if shopper_id == self.shopper_id else Visit(shopper_id=shopper_id, orders=orders)

    def ordered(self, number: str) -> "Visit":
        """The visit after the pretend checkout: the cart became an order."""
        return replace(self, cart=(), order=Order(number, self.cart))


def read(cookie: str | None) -> Visit:
    """The visit that a cookie tells of; an empty one when it tells nothing of use."""
    if not cookie or len(cookie) > _MOST_BYTES:
        return Visit()
    try:
        return msgspec.json.decode(urlsafe_b64decode(cookie), type=Visit)
    except (ValueError, msgspec.DecodeError):
        return Visit()


def write(visit: Visit) -> str:
    """The cookie for a visit. What does not fit goes, oldest first: likes, then the last order, then cart lines."""
    while len(cookie := urlsafe_b64encode(msgspec.json.encode(visit)).decode()) > _MOST_BYTES:
        if visit.likes:
            visit = replace(visit, likes=visit.likes[:-1])
        elif visit.order:
            visit = replace(visit, order=None)
        else:
            visit = replace(visit, cart=visit.cart[1:])
    return cookie
