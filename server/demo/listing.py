"""A grid of products: what the visitor's filters leave of a list, in their order, page by page."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any
from urllib.parse import urlencode

from server.demo.assortment import Product

PAGE = 24  # fills rows of 2, 3, 4 and 6
_MOST_COLOURS = 12

ORDERS: dict[str, str] = {
    "featured": "Featured",
    "price": "Price, low to high",
    "price-down": "Price, high to low",
    "title": "Name",
}
_KEYS: dict[str, Callable[[Product], Any]] = {
    "price": lambda product: inf if product.to_pay is None else product.to_pay,
    "price-down": lambda product: -(product.to_pay or 0),
    "title": lambda product: product.title.casefold(),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the visitor asked for, as far as it makes sense."""

    order: str
    price_min: float | None
    price_max: float | None
    colour: str
    in_stock: bool
    on_sale: bool

    @property
    def narrowing(self) -> bool:
        """Whether anything is filtered away."""
        prices = self.price_min is not None or self.price_max is not None
        return bool(prices or self.colour or self.in_stock or self.on_sale)

    def fits(self, product: Product) -> bool:
        """Whether a product stays."""
        price = product.to_pay
        return not (
            (self.price_min is not None and (price is None or price < self.price_min))
            or (self.price_max is not None and (price is None or price > self.price_max))
            or (self.colour and self.colour not in product.colours)
            or (self.in_stock and not product.available)
            or (self.on_sale and not product.on_sale)
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a grid.

    `number` counts pages from 1; `colours`, `any_on_sale` and `any_sold_out` are what could be filtered.
    """

    products: Sequence[Product]
    total: int
    number: int
    pages: int
    filters: Filters
    colours: Sequence[str]
    any_on_sale: bool
    any_sold_out: bool
    _query: dict[str, str]

    def address(self, number: int) -> str:
        """The query that leads to another page of the same list."""
        query = self._query | ({"page": str(number)} if number > 1 else {})
        return f"?{urlencode(query)}" if query else "?"

    @property
    def steps(self) -> list[int]:
        """The pages worth a link, in order; 0 stands for a gap."""
        near = {1, self.pages, *range(max(1, self.number - 1), min(self.pages, self.number + 1) + 1)}
        steps: list[int] = []
        for number in sorted(near):
            if steps and number - steps[-1] > 1:
                steps.append(0 if number - steps[-1] > 2 else number - 1)
            steps.append(number)
        return steps


def listing(products: Sequence[Product], query: Mapping[str, str]) -> Listing:
    """The page of `products` that a query string asks for; nonsense in it is as good as nothing."""
    filters = _filters(query)
    fitting = [product for product in products if filters.fits(product)] if filters.narrowing else products
    if filters.order in _KEYS:
        fitting = sorted(fitting, key=_KEYS[filters.order])
    pages = max(1, -(-len(fitting) // PAGE))
    number = min(_whole(query.get("page")), pages)
    colours = Counter(colour for product in products for colour in product.colours)
    return Listing(
        products=fitting[(number - 1) * PAGE : number * PAGE],
        total=len(fitting),
        number=number,
        pages=pages,
        filters=filters,
        colours=[colour for colour, _ in colours.most_common(_MOST_COLOURS)],
        any_on_sale=any(product.on_sale for product in products),
        any_sold_out=any(not product.available for product in products),
        _query={name: value for name, value in query.items() if value and name != "page"},
    )


def _filters(query: Mapping[str, str]) -> Filters:
    order = query.get("sort", "featured")
    return Filters(
        order=order if order in ORDERS else "featured",
        price_min=_amount(query.get("min")),
        price_max=_amount(query.get("max")),
        colour=query.get("colour", ""),
        in_stock=query.get("stock") == "1",
        on_sale=query.get("sale") == "1",
    )


def _amount(text: str | None) -> float | None:
    try:
        amount = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return amount if 0 <= amount < inf else None


def _whole(text: str | None) -> int:
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1
