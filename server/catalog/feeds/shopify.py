"""Shopify's product CSV, in its old headers (Handle, Body (HTML), Variant Price) and its new ones (URL handle, Price).

Rows with one handle make one product; they stand together. The first has the product's own fields, every row with a
price or an option is a variant, and any row may add a picture.
Source: https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import re
from collections.abc import Iterator
from typing import Any

from server.catalog import text
from server.catalog.feeds import cells
from server.catalog.feeds.rows import BadCell, Found, Head, Problem, Row, Withdrawn, broken
from server.catalog.options import ImportOptions
from server.files import delimited
from server.files.opening import Opened, Unreadable

_NAMES = {
    "handle": ("handle", "url handle"),
    "title": ("title",),
    "body": ("body (html)", "body html", "description"),
    "vendor": ("vendor",),
    "type": ("type", "product type", "custom product type"),
    "category": ("product category", "standardized product type", "google shopping / google product category"),
    "tags": ("tags",),
    "published": ("published", "published on online store"),
    "status": ("status",),
    "sku": ("variant sku", "sku"),
    "barcode": ("variant barcode", "barcode", "variant barcodes", "barcodes"),
    "tracker": ("variant inventory tracker", "inventory tracker"),
    "stock": ("variant inventory qty", "inventory quantity", "variant inventory quantity"),
    "policy": ("variant inventory policy", "continue selling when out of stock"),
    "price": ("variant price", "price"),
    "compare": ("variant compare at price", "compare at price"),
    "image": ("image src", "product image url", "image url"),
    "position": ("image position",),
    "variant_image": ("variant image", "variant image url"),
    "gender": ("google shopping / gender",),
    "age_group": ("google shopping / age group",),
    **{f"option{n}_{part}": (f"option{n} {part}",) for n in (1, 2, 3) for part in ("name", "value")},
}
_FIELDS = {"title": "title", "body": "description", "vendor": "brand", "type": "categories", "tags": "tags",
           "sku": "item_id", "price": "price", "compare": "sale_price", "image": "image_url"}  # fmt: skip
_METAFIELD = re.compile(r"(.+) \(product\.metafields\.[\w.-]+\)")
_MOST_ROWS = 5_000  # of one product; Shopify itself allows 2,048 variants and 250 pictures


def sniff(head: Head) -> float:
    """Handle, title and at least one column that only Shopify has."""
    known = _columns(head.columns)
    telling = {"body", "option1_name", "price", "tracker", "image", "policy"} & known.keys()
    return 0.97 if {"handle", "title"} <= known.keys() and len(telling) >= 2 else 0.0


def rows(opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
    """One row per variant."""
    table, known = head.table, _columns(head.columns)
    if table is None or not {"title", "handle"} & known.keys():
        raise Unreadable("This is not a Shopify product CSV: it has no columns Handle (or URL handle) and Title.")
    metafields = {m.group(1): at for at, name in enumerate(table.columns) if (m := _METAFIELD.fullmatch(name))}
    product: list[_Line] = []
    for record in delimited.read(opened, table):
        if isinstance(record, delimited.Broken):
            yield broken(record)
            continue
        line = _Line(record[0], record[1], known, table.columns, metafields)
        if product and (line.handle != product[0].handle or len(product) >= _MOST_ROWS):
            yield from _product(product, options)
            product = []
        product.append(line)
    if product:
        yield from _product(product, options)


def _columns(names: tuple[str, ...]) -> dict[str, int]:
    plain = [re.sub(r"[\s-]+", " ", name.lower()).strip() for name in names]
    return {
        ours: plain.index(theirs)
        for ours, several in _NAMES.items()
        for theirs in reversed(several)
        if theirs in plain
    }  # fmt: skip


class _Line:
    """One row: cells by our name for the column."""

    def __init__(
        self, number: int, values: list[str], known: dict[str, int], names: tuple[str, ...], metafields: dict[str, int]
    ) -> None:
        self.number = number
        self._values = values
        self._known = known
        self._names = names
        self.metafields = {name: values[at] for name, at in metafields.items() if values[at].strip()}
        self.handle = self["handle"] or re.sub(r"\W+", "-", self["title"].lower()).strip("-")

    def __getitem__(self, name: str) -> str:
        at = self._known.get(name)
        return self._values[at].strip() if at is not None else ""

    def cell(self, name: str) -> cells.Cell:
        at = self._known.get(name)
        return (self._names[at], self._values[at]) if at is not None else (name, "")

    @property
    def columns(self) -> dict[str, str]:
        return {field: self._names[self._known[name]] for name, field in _FIELDS.items() if name in self._known}

    @property
    def is_variant(self) -> bool:
        return bool(self["price"] or self["sku"] or self["option1_value"])


def _product(lines: list[_Line], options: ImportOptions) -> Iterator[Found]:
    first = lines[0]
    if not first["title"]:
        expected = "the product's first row, with its Title, directly above its other rows"
        yield from (Problem(line.number, "Title", "", expected, line["sku"] or line.handle) for line in lines)
        return
    variants = [line for line in lines if line.is_variant] or [first]
    shared = _shared(first, lines)
    taken: set[str] = set()
    for line in variants:
        item_id = _item_id(line, taken)
        taken.add(item_id)
        try:
            if _is_withdrawn(first):
                yield Withdrawn(line.number, item_id)
            else:
                yield Row(line.number, _variant(line, first, item_id, shared, options), line.columns)
        except BadCell as bad:
            yield bad.at(line.number, item_id)


def _item_id(line: _Line, taken: set[str]) -> str:
    """The SKU, else handle and title of the variant, which the shop's pages and pixel know too: see widget/plugins."""
    if line["sku"] and line["sku"] not in taken:
        return line["sku"]
    options = [option for n in (1, 2, 3) if (option := line[f"option{n}_value"]) not in ("", "Default Title")]
    title = " / ".join(options)  # as Shopify writes it; there, a " / " within an option looks the same
    return f"{line.handle}-{title.replace(' / ', '-')}" if title else line.handle


def _is_withdrawn(first: _Line) -> bool:
    status = first["status"].lower()
    return (bool(status) and status != "active") or not cells.yes(first.cell("published"), default=True)


def _shared(first: _Line, lines: list[_Line]) -> dict[str, Any]:
    """The fields that all variants of a product have in common."""
    pictures = [(line["position"], at, line["image"]) for at, line in enumerate(lines) if line["image"]]
    pictures.sort(key=lambda each: (int(each[0]) if each[0].isdigit() else len(lines), each[1]))
    kinds = [text.one_line(first["type"]), text.path(first["category"])]
    attributes: dict[str, Any] = {name: text.one_line(value) for name, value in first.metafields.items()}
    attributes |= {name: first[name] for name in ("gender", "age_group") if first[name]}
    return {
        "title": text.one_line(first["title"]),
        "description": text.cut(text.plain(first["body"])),
        "brand": text.one_line(first["vendor"]),
        "categories": [kind for kind in dict.fromkeys(kinds) if kind],
        "tags": text.separated(first["tags"]),
        "url": f"/products/{first.handle}",
        "pictures": list(dict.fromkeys(address for *_, raw in pictures if (address := text.web_address(raw)))),
        "attributes": attributes,
    }


def _variant(line: _Line, first: _Line, item_id: str, shared: dict[str, Any], options: ImportOptions) -> dict[str, Any]:
    pictures: list[str] = shared["pictures"]
    own = text.web_address(line["variant_image"])
    ordered = list(dict.fromkeys([own, *pictures])) if own else pictures
    attributes = dict(shared["attributes"])
    for n in (1, 2, 3):
        name, value = first[f"option{n}_name"], line[f"option{n}_value"]
        if value and value != "Default Title":
            attributes[text.one_line(name) or f"Option {n}"] = text.one_line(value)
    if line["barcode"]:
        attributes["gtin"] = line["barcode"].lstrip("'")
    item = {name: value for name, value in shared.items() if name != "pictures"}
    # what Shopify calls the compare-at price is what the item cost before the reduction
    asked, before = cells.price(line.cell("price"))[0], cells.price(line.cell("compare"))[0]
    reduced = asked is not None and before is not None and before > asked
    money = {"price": before if reduced else asked, "sale_price": asked if reduced else None}
    return item | money | {
        "item_id": item_id,
        "currency": options.currency,
        "group_id": line.handle,
        "availability": _availability(line),
        "attributes": attributes,
        "image_url": ordered[0] if ordered else "",
        "additional_image_urls": ordered[1:101],
    }  # fmt: skip


def _availability(line: _Line) -> str:
    if not line["tracker"]:
        return "in_stock"
    stock = cells.number(line.cell("stock"))
    if stock is None or stock > 0:
        return "in_stock"
    return "backorder" if line["policy"].lower() in ("continue", "true", "1", "yes") else "out_of_stock"
