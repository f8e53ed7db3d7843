"""Google Merchant feeds: XML (RSS 2.0 and Atom 1.0) and tab-separated text.

Source: https://support.google.com/merchants/answer/7052112 (the attributes and their spellings).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  it has no type stubs

from server.catalog import text
from server.catalog.feeds import cells
from server.catalog.feeds.rows import BadCell, Found, Head, Problem, Row, broken
from server.catalog.options import ImportOptions
from server.files import delimited, markup
from server.files.opening import Opened, Unreadable

_Record = Mapping[str, list[str]]

_NAMES = ("item", "entry")
_OWN = "http://base.google.com/ns/1.0"
_COLUMNS = {
    "item_id": "id", "title": "title", "description": "description", "url": "link", "image_url": "image_link",
    "additional_image_urls": "additional_image_link", "price": "price", "sale_price": "sale_price",
    "availability": "availability", "brand": "brand", "categories": "product_type", "group_id": "item_group_id",
}  # fmt: skip
_ATTRIBUTES = (
    *("color", "size", "size_system", "size_type", "gender", "age_group", "material", "pattern", "condition", "gtin"),
    *("mpn", "energy_efficiency_class", "product_highlight", "multipack", "is_bundle", "unit_pricing_measure"),
)
_LABELS = tuple(f"custom_label_{n}" for n in range(5))


def sniff(head: Head) -> float:
    """XML with items or entries, or a table with Google's column names."""
    if markup.is_markup(head.text):
        begins = re.search(r"<(\w+:)?(rss|feed|item|entry|channel)[\s>]", head.text)
        return 0.95 if begins and ("base.google.com" in head.text or "<g:" in head.text) else 0.7 if begins else 0.2
    names = {_plain(name) for name in head.columns}
    telling = {"image_link", "availability", "item_group_id", "google_product_category", "product_type", "link", "gtin"}
    return 0.9 if {"id", "title"} <= names and len(telling & names) >= 2 and names & {"image_link", "link"} else 0.0


def rows(opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
    """One row per item or entry."""
    if markup.is_markup(head.text):
        for line, element in markup.read(opened, _NAMES):
            yield _found(line, _of_element(element), {}, options)
        return
    names = [_plain(name) for name in head.columns]
    if head.table is None or not {"id", "title"} <= set(names):
        raise Unreadable("This is not a Google Merchant feed: neither XML, nor a table with the columns id and title.")
    columns = {ours: head.columns[names.index(theirs)] for ours, theirs in _COLUMNS.items() if theirs in names}
    for record in delimited.read(opened, head.table):
        if isinstance(record, delimited.Broken):
            yield broken(record)
            continue
        cells_by_name: dict[str, list[str]] = {}
        for name, cell in zip(names, record[1], strict=True):
            if cell.strip():
                cells_by_name.setdefault(name, []).append(cell.strip())
        yield _found(record[0], cells_by_name, columns, options)


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip().lower().removeprefix("g:"))


def _of_element(element: etree._Element) -> _Record:
    """The texts of the direct children by local name. Google's own win over those of RSS and Atom."""
    own: dict[str, list[str]] = {}
    other: dict[str, list[str]] = {}
    for child in element.iterchildren(tag=etree.Element):
        tag = str(child.tag)
        namespace, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
        prefix, _, local = local.rpartition(":")
        value = ("".join(child.itertext()) or child.get("href") or "").strip()
        if local == "link" and child.get("rel") not in (None, "alternate"):
            continue
        if value:
            (own if namespace == _OWN or prefix == "g" else other).setdefault(local.lower(), []).append(value)
    return other | own


def _found(line: int, record: _Record, columns: Mapping[str, str], options: ImportOptions) -> Found:
    columns = columns or {ours: f"g:{theirs}" for ours, theirs in _COLUMNS.items()}
    item_id = _one(record, "id")
    if not item_id:
        return Problem(line, columns.get("item_id", "id"), "", "an id of 1 to 128 characters")
    try:
        return Row(line, _item(item_id, record, columns, options), columns)
    except BadCell as bad:
        return bad.at(line, item_id)


def _item(item_id: str, record: _Record, columns: Mapping[str, str], options: ImportOptions) -> dict[str, Any]:
    pictures = [address for raw in record.get("additional_image_link", ()) for address in text.addresses(raw)]
    kinds = [*record.get("product_type", ()), *record.get("google_product_category", ())]
    body = _one(record, "description") or _one(record, "summary") or _one(record, "content")
    return {
        "item_id": item_id,
        "title": text.one_line(_one(record, "title")),
        "description": text.cut(text.plain(body)),
        "url": text.web_address(_one(record, "link")),
        "image_url": text.web_address(_one(record, "image_link")),
        "additional_image_urls": list(dict.fromkeys(pictures))[:100],
        **_money(record, columns, options),
        "availability": cells.availability((columns.get("availability", "availability"), _one(record, "availability"))),
        "brand": text.one_line(_one(record, "brand"))[:256],
        "categories": _paths(kinds),
        "tags": [text.one_line(value) for label in _LABELS for value in record.get(label, ())],
        "group_id": _one(record, "item_group_id") or None,
        "attributes": {
            name: text.one_line(", ".join(record[name])) for name in _ATTRIBUTES if name in record
        },
    }  # fmt: skip


def _money(record: _Record, columns: Mapping[str, str], options: ImportOptions) -> dict[str, Any]:
    sale = _one(record, "sale_price")
    begin, _, end = _one(record, "sale_price_effective_date").partition("/")
    now = datetime.now(UTC)
    if cells.is_to_come(begin, now) or cells.is_over(end, now):
        sale = ""
    regular = (columns.get("price", "price"), _one(record, "price"))
    return cells.amounts(regular, (columns.get("sale_price", "sale_price"), sale), options.currency, options.locale)


def _paths(kinds: list[str]) -> list[str]:
    """Category paths. A bare number is Google's own code for one and says nothing to a shopper."""
    separated = (part for kind in kinds for part in ([kind] if ">" in kind else text.separated(kind)))
    return list(dict.fromkeys(path for part in separated if not part.isdigit() and (path := text.path(part))))


def _one(record: _Record, name: str) -> str:
    values = record.get(name)
    return values[0] if values else ""
