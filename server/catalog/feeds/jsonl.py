"""JSON lines: one item a line, with the field names of the HTTP API or with others that a mapping explains."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from server.catalog.feeds import table
from server.catalog.feeds.rows import BadCell, Found, Head, Problem, Row, shown
from server.catalog.fields import ItemFields
from server.catalog.options import ImportOptions
from server.files import lines
from server.files.opening import Opened, Unreadable

_OWN = {name: name for name in ItemFields.__struct_fields__}
_decode = msgspec.json.Decoder().decode


def sniff(head: Head) -> float:
    """The first line is a JSON object."""
    return 0.95 if head.text.lstrip().startswith("{") else 0.3 if head.text.lstrip().startswith("[") else 0.0


def rows(opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
    """One row a line."""
    start = head.text.lstrip()
    if start.startswith("[") or (start.startswith("{") and start.split("\n", 1)[0].strip() == "{"):
        raise Unreadable(
            "This is one JSON document, not JSON lines. Write each item as an object on a line of its own, "
            "without brackets and commas around them."
        )
    mappings: dict[tuple[str, ...], table.Mapped] = {}
    for number, line in lines.read(opened):
        try:
            value: Any = _decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            yield Problem(number, "", shown(line), f"a JSON object on one line ({error})")
            continue
        if not isinstance(value, dict):
            yield Problem(number, "", shown(line), 'a JSON object such as {"item_id": "SKU-1", "title": "Linen shirt"}')
            continue
        item = cast("dict[str, Any]", value)
        if "item_id" in item and not options.mapping:
            yield Row(number, item, _OWN)
            continue
        names = tuple(item)
        if names not in mappings:
            if len(mappings) > 1_000:
                mappings.clear()
            mappings[names] = table.mapped(names, options)
        try:
            yield mappings[names].row(number, [_text(item[name]) for name in names])
        except BadCell as bad:
            yield bad.at(number)


def _text(value: Any) -> str:
    """A JSON value as a cell of a table."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
