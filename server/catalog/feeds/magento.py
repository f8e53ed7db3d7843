"""Magento's (Adobe Commerce) product export: one row per product, variants named by the rows of configurable ones.

Read twice: first which product each variant belongs to, then row by row. Rows of further store views only translate and
are left out. Source: https://experienceleague.adobe.com/docs/commerce-admin/systems/data-transfer/import
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from server.catalog import text
from server.catalog.feeds import cells
from server.catalog.feeds.lookup import Lookup
from server.catalog.feeds.rows import BadCell, Found, Head, Problem, Row, Withdrawn, broken
from server.catalog.options import ImportOptions
from server.files import delimited
from server.files.opening import Opened, Unreadable

_TELLING = {"product_type", "attribute_set_code", "product_online", "visibility", "configurable_variations", "url_key"}
_MEDIA = "/media/catalog/product"
_ROOT = re.compile(r"^(default category|root catalog)(/|$)", re.IGNORECASE)
_PAIR = re.compile(r",(?=[a-z0-9_]+=)")
_VARIATION = re.compile(r"\|(?=sku=)")
_INTERNAL = {
    "has_options",
    "required_options",
    "erin_recommends",
    "gift_message_available",
    "msrp_display_actual_price_type",
}
_COLUMNS = {"item_id": "sku", "title": "name", "description": "description", "price": "price",
            "sale_price": "special_price", "categories": "categories", "image_url": "base_image",
            "additional_image_urls": "additional_images", "availability": "is_in_stock"}  # fmt: skip
_LINKS = {
    "related": "related_skus",
    "upsell": "upsell_skus",
    "cross_sell": "crosssell_skus",
    "grouped": "associated_skus",
}

_Cells = Mapping[str, str]


def sniff(head: Head) -> float:
    """SKU and name, and at least three columns that only Magento has."""
    names = set(head.columns)
    return 0.96 if {"sku", "name"} <= names and len(_TELLING & names) >= 3 else 0.0


def rows(opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
    """One row per product and variant."""
    if head.table is None or not {"sku", "name"} <= set(head.columns):
        raise Unreadable("This is not a Magento product export: it has no columns sku and name.")
    with Lookup() as parents:
        for record in delimited.read(opened, head.table):
            if isinstance(record, delimited.Broken):
                continue
            row = dict(zip(head.columns, record[1], strict=True))
            for variant in _VARIATION.split(row.get("configurable_variations", "")):
                named = _pairs(variant)
                if "sku" in named:
                    parents.put(named["sku"], row["sku"].strip())
        columns = {ours: theirs for ours, theirs in _COLUMNS.items() if theirs in head.columns}
        for record in delimited.read(opened, head.table):
            if isinstance(record, delimited.Broken):
                yield broken(record)
                continue
            row = dict(zip(head.columns, record[1], strict=True))
            if row.get("store_view_code", "").strip():
                continue
            try:
                yield _found(record[0], row, parents, columns, options)
            except BadCell as bad:
                yield bad.at(record[0], row["sku"].strip())


def _found(line: int, row: _Cells, parents: Lookup, columns: Mapping[str, str], options: ImportOptions) -> Found:
    sku = row["sku"].strip()
    if not sku:
        return Problem(line, "sku", "", "the product's SKU")
    if row.get("product_online", "1").strip() in ("0", "2"):
        return Withdrawn(line, sku)
    parent = parents.get(sku)
    pictures = [_picture(row.get("base_image", ""))]
    pictures += (_picture(part) for part in text.separated(row.get("additional_images", "")))
    pictures = [each for each in dict.fromkeys(pictures) if each]
    apart = row.get("visibility", "") == "Not Visible Individually" and not parent
    item = {
        "item_id": sku,
        "title": text.one_line(row["name"]),
        "description": text.cut(text.plain(row.get("description") or row.get("short_description", ""))),
        "url": f"/{key}.html" if (key := row.get("url_key", "").strip()) and not parent else "",
        "image_url": pictures[0] if pictures else "",
        "additional_image_urls": pictures[1:101],
        **_money(row, options),
        # what shoppers cannot see by itself and is no variant of anything is not there to be recommended
        "availability": "discontinued" if apart else _availability(row),
        "categories": _categories(row.get("categories", "")),
        "tags": text.separated(row.get("meta_keywords") or row.get("meta_keyword") or ""),
        "brand": text.one_line(row.get("manufacturer", "")),
        "group_id": parent,
        "attributes": _attributes(row.get("additional_attributes", "")),
        "links": {kind: linked for kind, name in _LINKS.items() if (linked := _linked(row.get(name, "")))},
    }
    return Row(line, item, columns)


def _pairs(cell: str) -> dict[str, str]:
    parts = (part.partition("=") for part in _PAIR.split(cell.strip()) if "=" in part)
    return {name.strip(): value.strip().strip('"') for name, _, value in parts}


def _attributes(cell: str) -> dict[str, Any]:
    """`size=XS,color=Black|Gray`: several values are a list."""
    found: dict[str, Any] = {}
    for name, value in _pairs(cell).items():
        if value and name not in _INTERNAL:
            several = [text.one_line(part) for part in value.split("|")]
            found[name] = several if len(several) > 1 else several[0]
    return found


def _categories(cell: str) -> list[str]:
    paths = (_ROOT.sub("", part) for part in text.separated(cell))
    return list(dict.fromkeys(path for part in paths if (path := text.path(part, "/"))))


def _picture(cell: str) -> str:
    cell = cell.strip()
    if not cell or cell == "no_selection":
        return ""
    return text.web_address(cell if cell.startswith(("http://", "https://")) else f"{_MEDIA}/{cell.lstrip('/')}")


def _linked(cell: str) -> list[str]:
    """SKUs; those of grouped products carry a count (`24-WG085=1.0000`)."""
    return [part.partition("=")[0] for part in text.separated(cell)][:200]


def _money(row: _Cells, options: ImportOptions) -> dict[str, Any]:
    now = datetime.now(UTC)
    special = row.get("special_price", "")
    begin, end = row.get("special_price_from_date", ""), row.get("special_price_to_date", "")
    if cells.is_to_come(begin, now) or cells.is_over(end, now):
        special = ""
    return cells.amounts(("price", row.get("price", "")), ("special_price", special), options.currency)


def _availability(row: _Cells) -> str:
    stated = cells.availability(("is_in_stock", row.get("is_in_stock", "")))
    composed = row.get("product_type") in ("configurable", "bundle", "grouped")
    if stated != "in_stock" or composed or row.get("manage_stock", "1").strip() == "0":
        return stated
    stock = cells.number(("qty", row.get("qty", "")))
    if stock is None or stock > 0:
        return stated
    return "backorder" if row.get("allow_backorders", "0").strip() in ("1", "2") else "out_of_stock"
