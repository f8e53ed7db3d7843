"""Single cells of feeds turned into values: prices, stock, yes and no, dates. What does not fit raises `BadCell`."""

import re
from datetime import UTC, datetime
from typing import Any

from server.catalog import prices
from server.catalog.feeds.rows import BadCell

Cell = tuple[str, str]  # column, text

_YES = {"1", "true", "yes", "y", "ja", "oui", "si", "sí", "tak", "да", "on", "active", "enabled"}
_NO = {"0", "false", "no", "n", "nein", "non", "nie", "нет", "nee", "off", "inactive", "disabled", "-1"}
_AVAILABILITY = {
    "in_stock": "in_stock", "instock": "in_stock", "available": "in_stock", "available_for_order": "in_stock",
    "limited_availability": "in_stock", "limited_stock": "in_stock", "http://schema.org/instock": "in_stock",
    "https://schema.org/instock": "in_stock", "out_of_stock": "out_of_stock", "outofstock": "out_of_stock",
    "sold_out": "out_of_stock", "soldout": "out_of_stock", "unavailable": "out_of_stock",
    "not_available": "out_of_stock",
    "http://schema.org/outofstock": "out_of_stock", "https://schema.org/outofstock": "out_of_stock",
    "preorder": "preorder", "pre_order": "preorder", "presale": "preorder", "backorder": "backorder",
    "onbackorder": "backorder", "on_backorder": "backorder", "back_order": "backorder", "discontinued": "discontinued",
}  # fmt: skip
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?")


def price(cell: Cell, locale: str = "") -> tuple[float | None, str]:
    """The amount and the currency that a cell names."""
    column, text = cell
    try:
        return prices.parse(text, locale)
    except prices.NoPrice as error:
        raise BadCell(column, text, str(error)) from error


def amounts(regular: Cell, sale: Cell, currency: str, locale: str = "") -> dict[str, Any]:
    """`price`, `sale_price` and `currency` of an item. A sale price that is no reduction is left out."""
    full, named = price(regular, locale)
    reduced, also_named = price(sale, locale)
    if full is None:
        full, reduced = reduced, None
    if reduced is not None and full is not None and reduced >= full:
        reduced = None
    if named and also_named and named != also_named:
        raise BadCell(sale[0], sale[1], f"the currency of {regular[0]}, {named}")
    return {"price": full, "sale_price": reduced, "currency": named or also_named or currency}


def number(cell: Cell) -> float | None:
    """A count such as a stock; None where the cell is empty."""
    column, text = cell
    text = text.strip()
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise BadCell(column, text, "a number such as 12") from None
    if value != value or abs(value) > 1e15:
        raise BadCell(column, text, "a number such as 12")
    return value


def yes(cell: Cell, default: bool) -> bool:
    """Yes or no; `default` where the cell is empty."""
    column, text = cell
    word = text.strip().lower()
    if not word:
        return default
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise BadCell(column, text, "1 or 0 (or true or false)")


def availability(cell: Cell, default: str = "in_stock") -> str:
    """An availability in any of the common spellings, or a stock count, or yes and no."""
    column, text = cell
    word = re.sub(r"[\s-]+", "_", text.strip().lower())
    if not word:
        return default
    known = _AVAILABILITY.get(word)
    if known:
        return known
    if re.fullmatch(r"-?\d+([.,]\d+)?", text.strip()):
        return "in_stock" if (number(cell) or 0) > 0 else "out_of_stock"
    if word in _YES or word in _NO:
        return "in_stock" if word in _YES else "out_of_stock"
    raise BadCell(column, text, "one of in_stock, out_of_stock, preorder, backorder, discontinued")


def is_over(text: str, now: datetime) -> bool:
    """Whether the moment a cell names has passed; an unreadable or empty one has not."""
    return _moment(text, now, end_of_day=True) < now if text.strip() else False


def is_to_come(text: str, now: datetime) -> bool:
    """Whether the moment a cell names lies ahead; an unreadable or empty one does not."""
    return _moment(text, now, end_of_day=False) > now if text.strip() else False


def _moment(text: str, otherwise: datetime, end_of_day: bool) -> datetime:
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return otherwise
    year, month, day, hour, minute, second, zone = match.groups()
    clock = (int(hour), int(minute), int(second or 0)) if hour else ((23, 59, 59) if end_of_day else (0, 0, 0))
    try:
        moment = datetime(int(year), int(month), int(day), *clock, tzinfo=UTC)
        return datetime.fromisoformat(moment.replace(tzinfo=None).isoformat() + zone) if zone else moment
    except ValueError:
        return otherwise
