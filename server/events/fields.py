"""Checks one event as it was sent and turns it into rows; says field by field what is wrong and what to send instead.

Events are GA4 e-commerce events, so that what a shop pushes to its data layer can be sent as it is.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from server.events.store import EventRow
from server.events.traces import without_traces
from server.storage.identifiers import new_id

TYPES = frozenset(
    {
        *("view_item", "view_item_list", "select_item", "add_to_wishlist", "remove_from_wishlist", "add_to_cart"),
        *("remove_from_cart", "view_cart", "begin_checkout", "purchase", "refund", "search", "not_interested"),
    }
)
_ABOUT_AN_ITEM = TYPES - {"view_item_list", "view_cart", "begin_checkout", "purchase", "refund", "search"}

MOST_ITEMS = 1_000  # the longest wholesale orders have some hundred lines
MOST_EXTRA_BYTES = 8_192  # what a tag manager adds to an event is far below 2 KB
MOST_SEARCH_TERM = 256
OLDEST_UNTRUSTED_MS = 7 * 24 * 3600 * 1000
MOST_AHEAD_MS = 10 * 60 * 1000  # clocks of phones run a little fast
_LARGEST_NUMBER = 1e15

_has_control = re.compile("[\x00-\x1f\x7f-\x9f]").search
_encode = msgspec.json.encode


class Refused(ValueError):  # noqa: N818
    """An event cannot be taken. `pointer`: JSON pointer within the event to the field that is wrong."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail


def rows_of(event: Any, now_ms: int, *, trusted: bool, source: int | None = None) -> list[EventRow]:
    """The rows of one event, ready to be stored.

    `trusted`: it came with a secret key, and may be of any age. `source`: see `Event.source`. Raises `Refused`.
    """
    if not isinstance(event, dict):
        raise Refused("", "An event must be a JSON object.")
    event = cast("dict[str, Any]", event)
    values = _checked(event, _FIELDS, "")
    kind: str = values.get("type") or _missing_type()
    if not any(values.get(name) for name in ("shopper_id", "session_id", "transaction_id")):
        raise Refused("/shopper_id", "Send a `shopper_id`, a `session_id` or both; orders may have a `transaction_id`.")
    items = _items(event, values)
    _check_completeness(kind, values, items)
    further = _further(event, _KNOWN)
    time_ms = _time(event, values, now_ms, trusted=trusted)
    event_id = values.get("event_id") or new_id("evt")
    return [
        EventRow(
            event_id=event_id,
            position=position,
            type=kind,
            time_ms=time_ms,
            shopper_id=values.get("shopper_id"),
            session_id=values.get("session_id"),
            item_id=item.get("item_id"),
            quantity=item.get("quantity"),
            price=item.get("price"),
            currency=values.get("currency"),
            value=None if position else values.get("value"),
            transaction_id=values.get("transaction_id"),
            search_term=None if position else values.get("search_term"),
            placement=item.get("item_list_id") or values.get("item_list_id"),
            recommendation_id=item.get("recommendation_id") or values.get("recommendation_id"),
            extra=_extra({} if position else further, item.get("further") or {}, position),
            source=source,
        )
        for position, item in enumerate(items or [{}])
    ]


def _missing_type() -> str:
    raise Refused("/type", f"`type` is missing. Send one of {', '.join(sorted(TYPES))}.")


def _checked(sent: Mapping[str, Any], fields: Mapping[str, Callable[[Any], Any]], path: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in sent.items():
        check = fields.get(name)
        if check is not None and value is not None:
            try:
                values[name] = check(value)
            except ValueError as error:
                raise Refused(f"{path}/{name}", f"`{name}` {error}") from None
    return values


def _items(event: dict[str, Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of the event with their checked fields; further fields under "further"."""
    sent = event.get("items")
    if sent is None:
        named = {name: values[name] for name in ("item_id", "quantity", "price") if name in values}
        return [named] if "item_id" in named else []
    if not isinstance(sent, list):
        raise Refused("/items", "`items` must be a list of objects, each with an `item_id`.")
    items = cast("list[Any]", sent)
    if len(items) > MOST_ITEMS:
        raise Refused("/items", f"`items` has {len(items)} entries. Send at most {MOST_ITEMS} in one event.")
    return [_item(item, f"/items/{index}") for index, item in enumerate(items)]


def _item(item: Any, path: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise Refused(path, "An item must be a JSON object with an `item_id`.")
    item = cast("dict[str, Any]", item)
    values = _checked(item, _ITEM_FIELDS, path)
    if "item_id" not in values:
        raise Refused(f"{path}/item_id", "`item_id` is missing. Send the item's id as it is in the catalog.")
    values["further"] = _further(item, _ITEM_FIELDS)
    return values


def _check_completeness(kind: str, values: dict[str, Any], items: list[dict[str, Any]]) -> None:
    if not items and kind in _ABOUT_AN_ITEM:
        raise Refused("/items", f"A {kind} event needs an item. Send `items`, or one `item_id`.")
    if not items and kind in ("purchase", "refund") and "transaction_id" not in values:
        raise Refused("/items", f"A {kind} event needs `items` or a `transaction_id`.")
    if kind == "search" and "search_term" not in values:
        raise Refused("/search_term", "`search_term` is missing. Send what the shopper searched for.")


def _time(event: dict[str, Any], values: dict[str, Any], now_ms: int, *, trusted: bool) -> int:
    time_ms = values.get("time")
    if time_ms is None:
        # a sender whose clock may be wrong tells instead how long ago it was
        return now_ms - values["age_ms"] if "age_ms" in values else now_ms
    if time_ms > now_ms + MOST_AHEAD_MS:
        return now_ms
    if not trusted and time_ms < now_ms - OLDEST_UNTRUSTED_MS:
        detail = f"`time` is {event['time']!r}, more than 7 days ago. Send older events with a secret key."
        raise Refused("/time", detail)
    return time_ms


def _further(sent: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name not in known} if sent.keys() - known.keys() else {}


def _extra(event: dict[str, Any], item: dict[str, Any], position: int) -> str | None:
    """What the sender added to the event and to the item, as JSON text `{"event": {…}, "item": {…}}`."""
    if not event and not item:
        return None
    kept = {name: fields for name, fields in (("event", event), ("item", item)) if fields}
    pointer = "" if event else f"/items/{position}"
    try:
        text = _encode(kept := {part: rest for part, fields in kept.items() if (rest := without_traces(fields))})
        if b"\\u0000" in text:
            text = _encode(_without_nul(kept))
    except (ValueError, OverflowError, RecursionError):
        raise Refused(pointer, "A further field is nested too deeply, or has a number with too many digits.") from None
    if len(text) > MOST_EXTRA_BYTES:
        raise Refused(pointer, f"Further fields take {len(text)} bytes. Send at most {MOST_EXTRA_BYTES}.")
    return text.decode() if kept else None


def _without_nul(value: Any) -> Any:
    # PostgreSQL stores every character but this one
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(one) for key, one in cast("dict[str, Any]", value).items()}
    return value


# What follows checks one value each: returns it in the form it is stored in, or raises ValueError with the words that
# follow the name of the field.


def _type(value: Any) -> str:
    if not isinstance(value, str) or value not in TYPES:
        raise ValueError(f"is {_shown(value)}. Send one of {', '.join(sorted(TYPES))}.")
    return value


def _id(value: Any, most: int = 128) -> str:
    if type(value) is int:
        value = str(value)  # many shops push their numeric ids as numbers
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_shown(value)}.")
    if not 1 <= len(value) <= most:
        raise ValueError(f"has {len(value)} characters. Send 1 to {most}.")
    if _has_control(value):
        raise ValueError("contains a control character. Send it without.")
    return value


def _recommendation_id(value: Any) -> str:
    return _id(value, 64)


def _search_term(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_shown(value)}.")
    words = " ".join(re.sub("[\x00-\x1f\x7f-\x9f]", " ", value).split())
    return words[:MOST_SEARCH_TERM]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a number, not {_shown(value)}.")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a number, not {_shown(value)}.") from None
    if not math.isfinite(number) or abs(number) > _LARGEST_NUMBER:
        raise ValueError(f"is {_shown(value)}, which is no sensible number.")
    return number


def _amount(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError(f"is {_shown(value)}. Send 0 or more.")
    return number


def _age_ms(value: Any) -> int:
    number = _amount(value)
    if number > OLDEST_UNTRUSTED_MS:
        raise ValueError("is more than 7 days. Send older events with a `time` and a secret key.")
    return int(number)


def _currency(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 3 or not (value.isascii() and value.isalpha()):
        raise ValueError(f"is {_shown(value)}. Send an ISO 4217 code such as EUR.")
    return value.upper()


def _time_ms(value: Any) -> int:
    """Unix milliseconds of an RFC 3339 time, or of a Unix time in seconds, milli- or microseconds."""
    if isinstance(value, str):
        try:
            time = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            raise ValueError(f"is {_shown(value)}. Send RFC 3339, such as 2026-03-01T12:00:00Z.") from None
        number = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    elif type(value) in (int, float) and math.isfinite(value):
        number = int(value * 1000 if value < 1e11 else value if value < 1e14 else value / 1000)
    else:
        raise ValueError(f"must be an RFC 3339 time, not {_shown(value)}.")
    if number < 0:
        raise ValueError(f"is {_shown(value)}, before 1970.")
    return number


def _shown(value: Any) -> str:
    """The value as it may be quoted in a detail: short, and harmless in any log."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    shown = ascii(cast("object", value)) if not isinstance(value, bool) else str(value).lower()
    return shown if len(shown) <= 40 else f"{shown[:40]}…"


_ITEM_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "item_id": _id,
    "quantity": _amount,
    "price": _amount,
    "item_list_id": _id,
    "recommendation_id": _recommendation_id,
}
_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "type": _type,
    "event_id": _id,
    "time": _time_ms,
    "age_ms": _age_ms,
    "shopper_id": _id,
    "session_id": _id,
    "currency": _currency,
    "value": _number,
    "transaction_id": _id,
    "search_term": _search_term,
    **_ITEM_FIELDS,
}
_KNOWN = {**_FIELDS, "items": None}
