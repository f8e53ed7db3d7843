"""WooCommerce's own product CSV export, in any language.

Read twice: first every product's id and what its variations take over from it, onto disk, then row by row. A variable
product stays an item of its own and stands for its variations; they share its SKU (or id) as `group_id`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from server.catalog import text
from server.catalog.feeds import cells
from server.catalog.feeds.lookup import Lookup
from server.catalog.feeds.rows import BadCell, Found, Head, Row, Withdrawn, broken
from server.catalog.feeds.woocommerce_headers import Columns, recognise
from server.catalog.options import ImportOptions
from server.files import delimited
from server.files.opening import Opened, Unreadable

_FIELDS = {"sku": "item_id", "name": "title", "description": "description", "regular_price": "price",
           "images": "image_url", "sale_price": "sale_price", "categories": "categories", "tags": "tags",
           "parent": "group_id", "in_stock": "availability"}  # fmt: skip
_INHERITED = ("description", "images", "categories", "tags", "brand", "attributes", "url", "visibility")


def sniff(head: Head) -> float:
    """A type and a visibility column, by name or by what stands in them."""
    if len(head.columns) < 6:
        return 0.0
    found = recognise(head.columns, head.sample)
    telling = {"type", "visibility", "published", "in_stock", "regular_price", "categories", "images", "parent"}
    return 0.95 if found.is_complete and len(telling & found.known.keys()) >= 4 else 0.0


def rows(opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
    """One row per product and variation."""
    table, columns = head.table, recognise(head.columns, head.sample)
    if table is None or not columns.is_complete:
        raise Unreadable(
            "This is not a WooCommerce product export: columns for the type, the name and the SKU or ID were not "
            "found. Export again under Products > Export with all columns."
        )
    with Lookup() as lookup:
        cheapest = _survey(opened, table, columns, options, lookup)
        for record in delimited.read(opened, table):
            if isinstance(record, delimited.Broken):
                yield broken(record)
                continue
            line = _Line(record[1], columns, table.columns)
            try:
                yield _found(record[0], line, lookup, cheapest, options)
            except BadCell as bad:
                yield bad.at(record[0], line.item_id)


class _Line:
    """One row: cells by our name for the column."""

    def __init__(self, values: list[str], columns: Columns, names: tuple[str, ...]) -> None:
        self._values = values
        self._columns = columns
        self._names = names

    def __getitem__(self, name: str) -> str:
        at = self._columns.known.get(name)
        return _unescaped(self._values[at].strip()) if at is not None else ""

    def cell(self, name: str) -> cells.Cell:
        at = self._columns.known.get(name)
        return (self._names[at], self._values[at]) if at is not None else (name, "")

    @property
    def item_id(self) -> str:
        return self["sku"] or self["id"]

    @property
    def kinds(self) -> set[str]:
        return {part.strip().lower() for part in self["type"].split(",")}

    @property
    def is_variation(self) -> bool:
        return "variation" in self.kinds or "subscription_variation" in self.kinds

    @property
    def attributes(self) -> dict[str, str]:
        pairs = ((self._values[name].strip(), self._values[value]) for name, value in self._columns.attributes)
        return {
            text.one_line(name): text.one_line(value.replace("\\,", ","))
            for name, value in pairs
            if name and value.strip()
        }

    @property
    def columns(self) -> dict[str, str]:
        return {ours: self._names[self._columns.known[n]] for n, ours in _FIELDS.items() if n in self._columns.known}


def _unescaped(value: str) -> str:
    # the exporter puts an apostrophe before what a spreadsheet would take for a formula
    return value[1:] if value[:2] in ("'=", "'+", "'-", "'@") else value


def _survey(
    opened: Opened, table: delimited.Table, columns: Columns, options: ImportOptions, lookup: Lookup
) -> dict[str, float]:
    """Put every product into the lookup; returns the lowest price of the variations of each parent, as they name it."""
    cheapest: dict[str, float] = {}
    for record in delimited.read(opened, table):
        if isinstance(record, delimited.Broken):
            continue
        line = _Line(record[1], columns, table.columns)
        if line.is_variation:
            try:
                money = _money(line, options)
            except BadCell:
                continue  # it is reported when its row is read
            asked = money["sale_price"] if money["sale_price"] is not None else money["price"]
            if asked is not None:
                cheapest[line["parent"]] = min(asked, cheapest.get(line["parent"], asked))
            if line["id"]:
                lookup.put(f"id:{line['id']}", {"item_id": line.item_id})
            continue
        known: dict[str, Any] = {"item_id": line.item_id, "on_sale": _is_on_sale(line)}
        if any(kind.startswith("variable") for kind in line.kinds):
            known |= {name: value for name, value in _described(line).items() if name in _INHERITED}
            known["title"] = text.one_line(line["name"])
        if line["id"]:
            lookup.put(f"id:{line['id']}", known)
        if line["sku"]:
            lookup.put(line["sku"], known)
    return cheapest


def _is_on_sale(line: _Line) -> bool:
    """Whether the product is published: drafts are -1, private ones 0, pending ones 2."""
    return line["published"] in ("", "1") or line["published"].lower() in ("true", "yes")


def _found(number: int, line: _Line, lookup: Lookup, cheapest: dict[str, float], options: ImportOptions) -> Found:
    parent: dict[str, Any] = (lookup.get(line["parent"]) or {}) if line["parent"] else {}
    item_id, group_id = line.item_id, ""
    if line.is_variation and line["parent"]:
        group_id = parent.get("item_id") or line["parent"].removeprefix("id:")
        if item_id == group_id:  # a variation without a SKU of its own, exported with its parent's
            item_id = (
                line["id"] if line["id"] and line["id"] != group_id else "-".join([group_id, *line.attributes.values()])
            )
    if not _is_on_sale(line) or not parent.get("on_sale", True):
        return Withdrawn(number, item_id)
    item = _described(line)
    if line.is_variation:
        item |= {name: parent[name] for name in _INHERITED if parent.get(name) and not item[name]}
        item["attributes"] = parent.get("attributes", {}) | line.attributes
        item["visibility"] = parent.get("visibility") or item["visibility"]
        item["url"] = parent.get("url") or item["url"]
    pictures: list[str] = item.pop("images")
    item |= _money(line, options)
    if item["price"] is None and not line.is_variation:
        item["price"] = cheapest.get(line["sku"], cheapest.get(f"id:{line['id']}"))
    links = {kind: _linked(line[column], lookup) for kind, column in _LINKS if line[column]}
    hidden = item.pop("visibility") == "hidden"
    item |= {
        "item_id": item_id,
        "title": text.one_line(line["name"]) or parent.get("title", ""),
        "group_id": group_id or None,
        "availability": "discontinued" if hidden else _availability(line),
        "image_url": pictures[0] if pictures else "",
        "additional_image_urls": pictures[1:101],
        "links": {kind: linked for kind, linked in links.items() if linked},
    }
    return Row(number, item, line.columns)


_LINKS = (("upsell", "upsells"), ("cross_sell", "cross_sells"), ("grouped", "grouped"))


def _described(line: _Line) -> dict[str, Any]:
    """What a row says about the product itself."""
    body = line["description"] or line["short_description"]
    attributes: dict[str, Any] = dict(line.attributes)
    if line["gtin"]:
        attributes["gtin"] = line["gtin"]
    return {
        "description": text.cut(text.plain(_BREAK.sub("\n", body))),
        "url": text.web_address(line["external_url"]) or (f"/?p={line['id']}" if line["id"].isdigit() else ""),
        "images": text.addresses(line["images"]),
        "categories": [path for each in text.separated(line["categories"]) if (path := text.path(each))],
        "tags": text.separated(line["tags"]),
        "brand": text.one_line(text.separated(line["brands"])[0]) if line["brands"] else "",
        "attributes": attributes,
        "visibility": line["visibility"].lower(),
    }


_BREAK = re.compile(r"(?<!\\)\\n")  # the exporter writes line ends as a backslash and an n


def _money(line: _Line, options: ImportOptions) -> dict[str, Any]:
    now = datetime.now(UTC)
    sale = line.cell("sale_price")
    if cells.is_over(line["sale_to"], now) or cells.is_to_come(line["sale_from"], now):
        sale = (sale[0], "")
    return cells.amounts(line.cell("regular_price"), sale, options.currency, options.locale)


def _availability(line: _Line) -> str:
    stock = line["stock"]
    known = cells.availability(line.cell("in_stock"))
    if known == "in_stock" and line["backorders"].lower() in ("1", "notify", "yes") and re.fullmatch(r"0|-\d+", stock):
        return "backorder"
    return known


def _linked(cell: str, lookup: Lookup) -> list[str]:
    """Ids of linked products: SKUs as they are, `id:12` as the item with that id."""
    linked: list[str] = []
    for reference in text.separated(cell):
        known = lookup.get(reference) if reference.startswith("id:") else None
        linked.append(known["item_id"] if known else reference.removeprefix("id:"))
    return linked[:200]
