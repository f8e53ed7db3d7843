"""Tables of events: which column is which field, and one row of the table as one row of an event."""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from server.events.fields import TYPES
from server.events.store import EventRow
from server.events.times import Clock
from server.events.written import RowRefused
from server.files import delimited
from server.files.opening import Unreadable

_FIELDS = (
    *("type", "time", "shopper_id", "session_id", "item_id", "quantity", "price", "currency", "value"),
    *("transaction_id", "search_term", "item_list_id", "recommendation_id", "event_id"),
)
_NAMES = {
    "type": "type event event_name event_type action interaction",
    "time": "time timestamp date datetime event_time created_at invoicedate invoice_date order_date ts unixtime",
    "shopper_id": "shopper_id user_id customer_id customerid userid visitor_id visitorid client_id customer user",
    "session_id": "session_id sessionid session",
    "item_id": "item_id product_id productid itemid sku stockcode stock_code variant_id asin item product",
    "quantity": "quantity qty count amount_sold",
    "price": "price unit_price unitprice item_price",
    "currency": "currency currency_code",
    "value": "value revenue total",
    "transaction_id": "transaction_id transactionid order_id orderid invoiceno invoice_no invoice order order_number",
    "search_term": "search_term query search",
    "item_list_id": "item_list_id placement list_id",
    "recommendation_id": "recommendation_id",
    "event_id": "event_id eventid",
}
_TYPES = {name: name for name in TYPES} | {
    "view": "view_item", "product_view": "view_item", "detail": "view_item", "pageview": "view_item",
    "click": "select_item", "impression": "view_item_list", "like": "add_to_wishlist", "favorite": "add_to_wishlist",
    "wishlist": "add_to_wishlist", "cart": "add_to_cart", "addtocart": "add_to_cart", "add": "add_to_cart",
    "basket": "add_to_cart", "remove": "remove_from_cart", "buy": "purchase", "order": "purchase",
    "transaction": "purchase", "sale": "purchase", "bought": "purchase", "return": "refund",
}  # fmt: skip
_WITHOUT_ITEM = {"search", "view_cart", "begin_checkout", "view_item_list"}
_LARGEST = 1e15
_LIMITS = {"search_term": 256, "recommendation_id": 64}
_MOST_AHEAD_MS = 10 * 60 * 1000
_has_control = re.compile("[\x00-\x1f\x7f-\x9f]").search


class TableOfEvents:
    """Reads rows by the sender's mapping, else by names that tell what a column holds.

    Raises:
        Unreadable: the mapping does not fit the file, or a field that every event needs has no column.

    """

    def __init__(
        self, columns: Sequence[str], mapping: Mapping[str, str], constants: Mapping[str, str], currency: str, zone: str
    ) -> None:
        self._columns = columns
        self._constants = {"currency": currency} if currency else {}
        self._constants |= constants
        self._clock = Clock(zone)
        self._now_ms = time.time_ns() // 1_000_000
        self._at = self._positions(mapping)
        self._require()
        self._event_id, self._position = "", 0

    def _positions(self, mapping: Mapping[str, str]) -> dict[str, int]:
        there = delimited.listed(self._columns)
        for field in (*mapping, *self._constants):
            if field not in _FIELDS:
                raise Unreadable(f"The mapping names the field “{field}”. Events have {', '.join(_FIELDS)}.")
        missing = [column for column in mapping.values() if column not in self._columns]
        if missing:
            raise Unreadable(f"The mapping names the column “{missing[0]}”. The file has: {there}.")
        at = {field: self._columns.index(column) for field, column in mapping.items()}
        plain = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in self._columns]
        for field, names in _NAMES.items():
            free = (plain.index(name) for name in names.split() if name in plain)
            position = next((one for one in free if one not in at.values()), None)
            if field not in at and field not in self._constants and position is not None:
                at[field] = position
        return at

    def _require(self) -> None:
        for field, advice in (
            ("type", 'Say which one it is, or what all rows are: {"type": {"value": "purchase"}}.'),
            ("time", 'Say which one it is with a mapping such as {"time": "Order date"}.'),
        ):
            if field not in self._at and field not in self._constants:
                columns = delimited.listed(self._columns)
                raise Unreadable(f"No column for {field} was found among {columns}. {advice}")
        if not {"shopper_id", "session_id", "transaction_id"} & (self._at.keys() | self._constants.keys()):
            raise Unreadable(
                "No column says whose events these are. Map one to shopper_id, session_id or transaction_id."
            )

    def row(self, cells: Sequence[str]) -> EventRow:
        """One row as a row of an event.

        Raises:
            RowRefused: a cell is not what it should be.

        """
        at = self._at
        constants = self._constants
        text = {field: cells[position].strip() for field, position in at.items()}
        kind = self._type(text.get("type") or constants.get("type", ""))
        time_ms = self._time(text.get("time") or constants.get("time", ""))
        quantity = self._number("quantity", text)
        price = self._number("price", text)
        if price is not None and price < 0:
            raise self._refused("price", text["price"], "a price of 0 or more")
        if quantity is not None and (quantity < 0 or (quantity == 0 and kind == "purchase")):
            raise self._refused(
                "quantity", text["quantity"], f"more than 0 for a {kind}; cancelled and returned goods are no {kind}"
            )
        ids = {field: self._id(field, text) for field in _IDS if field in at or field in constants}
        shopper, session, order = ids.get("shopper_id"), ids.get("session_id"), ids.get("transaction_id")
        if shopper is None and session is None:
            if order is None:
                raise self._refused("shopper_id", "", "a shopper_id, a session_id or a transaction_id in every row")
            session = f"order-{order}"[:128]
        item_id = ids.get("item_id")
        if item_id is None and kind not in _WITHOUT_ITEM:
            raise self._refused("item_id", "", f"the item's id; a {kind} is about an item")
        content = (kind, time_ms, shopper, session, item_id, quantity, price, self._currency(text),
                   self._number("value", text), order, ids.get("search_term"), ids.get("item_list_id"),
                   ids.get("recommendation_id"))  # fmt: skip
        event_id, position = self._identity(ids.get("event_id"), content)
        return EventRow(event_id, position, *content)

    def _identity(self, event_id: str | None, content: tuple[Any, ...]) -> tuple[str, int]:
        """The event's id and the row's position in it: rows of one event stand together."""
        if event_id is None:
            digest = hashlib.blake2b(repr(content).encode("utf-8", "replace"), digest_size=12).hexdigest()
            # the time in front keeps neighbours in the file neighbours in the index, which stores them a fifth faster
            return f"row-{content[1]:011x}-{digest}", 0
        same = event_id == self._event_id
        self._event_id, self._position = event_id, self._position + 1 if same else 0
        return event_id, min(self._position, 32_767)

    def _type(self, word: str) -> str:
        known = _TYPES.get(word) or _TYPES.get(re.sub(r"[\s-]+", "_", word.lower()))
        if known is None:
            raise self._refused("type", word, f"one of {', '.join(sorted(TYPES))}")
        return known

    def _time(self, text: str) -> int:
        try:
            time_ms = self._clock.milliseconds(text)
        except ValueError as error:
            raise self._refused("time", text, str(error)) from None
        return time_ms if time_ms <= self._now_ms + _MOST_AHEAD_MS else self._now_ms

    def _number(self, field: str, text: Mapping[str, str]) -> float | None:
        value = text.get(field) or self._constants.get(field, "")
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            try:
                number = float(value.replace(",", "."))
            except ValueError:
                raise self._refused(field, value, "a number such as 19.90") from None
        if not abs(number) < _LARGEST:
            raise self._refused(field, value, "a sensible number")
        return number

    def _id(self, field: str, text: Mapping[str, str]) -> str | None:
        value = text.get(field) or self._constants.get(field, "")
        if not value:
            return None
        if field == "search_term":
            return " ".join(value.split())[:256].replace("\0", "")
        most = _LIMITS.get(field, 128)
        if len(value) > most or (not value.isprintable() and _has_control(value)):
            raise self._refused(field, value, f"1 to {most} characters without control characters")
        return value

    def _currency(self, text: Mapping[str, str]) -> str | None:
        value = (text.get("currency") or self._constants.get("currency", "")).upper()
        if value and not re.fullmatch("[A-Z]{3}", value):
            raise self._refused("currency", value, "an ISO 4217 code such as EUR")
        return value or None

    def _refused(self, field: str, found: str, expected: str) -> RowRefused:
        column = self._columns[self._at[field]] if field in self._at else field
        return RowRefused(column, found, expected)


_IDS = (
    *("shopper_id", "session_id", "transaction_id", "item_id", "event_id", "search_term", "item_list_id"),
    "recommendation_id",
)
