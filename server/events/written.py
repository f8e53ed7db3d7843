"""Events written as JSON, one a line, with the fields of `POST /v1/events`; and how a refused row of a file is told."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from server.events.fields import Refused, rows_of
from server.events.store import EventRow
from server.events.times import Clock

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode
_clocks: dict[str, Clock] = {}


class Rejection(msgspec.Struct, frozen=True):
    """A row that is no event: where, what was found and what was expected. `column` is empty for whole rows."""

    line: int
    column: str
    found: str
    expected: str
    item_id: str = ""


class RowRefused(ValueError):  # noqa: N818  it reads as what happened
    """A row cannot become an event."""

    def __init__(self, column: str, found: str, expected: str) -> None:
        super().__init__(f"{column}: found {found!r}, expected {expected}")
        self.column = column
        self.found = found
        self.expected = expected

    def at(self, line: int) -> Rejection:
        """What the report says."""
        found = " ".join(self.found.split())
        return Rejection(line, self.column[:100], found if len(found) <= 100 else f"{found[:97]}…", self.expected)


def rows_of_line(
    text: str, mapping: Mapping[str, str], constants: Mapping[str, str], zone: str, now_ms: int
) -> list[EventRow]:
    """The rows of the event on one line. `mapping`: the sender's name for a field.

    Raises:
        RowRefused: it is no event.

    """
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RowRefused("", text, f"a JSON object on one line ({error})") from None
    if not isinstance(value, dict):
        raise RowRefused("", text, 'a JSON object such as {"type": "view_item", "item_id": "SKU-1"}')
    event = cast("dict[str, Any]", value)
    for field, name in mapping.items():
        if name in event:
            event[field] = event.pop(name)
    event = dict(constants) | event
    if not event.get("event_id"):
        event["event_id"] = "row-" + hashlib.blake2b(_encode(event), digest_size=16).hexdigest()
    if isinstance(event.get("time"), str):
        event["time"] = _milliseconds(event["time"], zone)
    if not event.get("shopper_id") and not event.get("session_id") and event.get("transaction_id"):
        event["session_id"] = f"order-{event['transaction_id']}"[:128]
    try:
        rows = rows_of(event, now_ms, trusted=True)
    except Refused as refused:
        raise RowRefused(refused.pointer.lstrip("/"), _found(event, refused.pointer), refused.detail) from None
    for row in rows:
        if row.type == "purchase" and row.quantity is not None and row.quantity <= 0:
            raise RowRefused(
                "quantity", str(row.quantity), "more than 0 for a purchase; returned goods are no purchase"
            )
    return rows


def _milliseconds(text: str, zone: str) -> int:
    clock = _clocks.setdefault(zone, Clock(zone)) if zone not in _clocks else _clocks[zone]
    try:
        return clock.milliseconds(text)
    except ValueError as error:
        raise RowRefused("time", text, str(error)) from None


def _found(event: Mapping[str, Any], pointer: str) -> str:
    value: Any = event
    for step in pointer.split("/")[1:]:
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(step, "")
        elif isinstance(value, list) and step.isdigit():
            value = cast("list[Any]", value)[int(step)]
    return value if isinstance(value, str) else _encode(value).decode()
