"""The demo shops' data as files that any shop could import: Luma's tables joined to JSON lines, the gift shop's items
likewise; its invoice lines go in as they are, with a mapping of columns.
"""

import csv
import gzip
import html
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

DATA = Path(__file__).parent / "data"

INVOICE_LINES = DATA / "gift-shop" / "transactions.csv.gz"
INVOICE_COLUMNS = {
    "item_id": "StockCode",
    "transaction_id": "InvoiceNo",
    "quantity": "Quantity",
    "time": "InvoiceDate",
    "price": "UnitPrice",
    "shopper_id": "CustomerID",
    "type": {"value": "purchase"},
    "currency": {"value": "GBP"},
}

_LINK_TYPES = {"upsell": "upsell", "related": "related", "crosssell": "cross_sell"}

Fields = dict[str, Any]


def write_luma(path: Path) -> int:
    """Write Luma's products and colour variants as JSON lines; returns how many."""
    return _write(path, _luma())


def write_gift_shop(path: Path) -> int:
    """Write the gift shop's items as JSON lines; returns how many."""
    return _write(path, _gift_shop())


def _write(path: Path, items: Iterator[Fields]) -> int:
    count = 0
    with path.open("wb") as file:
        for item in items:
            file.write(msgspec.json.encode(item) + b"\n")
            count += 1
    return count


def _luma() -> Iterator[Fields]:
    links = _luma_links()
    colours = defaultdict[str, list[Fields]](list)
    for row in _rows(DATA / "luma" / "variants.csv"):
        colours[row["sku"]].append(row)
    for row in _rows(DATA / "luma" / "products.csv"):
        product = _luma_product(row) | {"links": links.get(row["sku"], {})}
        yield product
        for colour in colours[row["sku"]]:
            yield _luma_variant(product, colour)


def _luma_product(row: Fields) -> Fields:
    sku = row["sku"]
    attributes = msgspec.json.decode(row["attributes_json"] or "{}")
    for name in ("colors", "sizes"):
        if row[name]:
            attributes[name] = row[name].split("|")
    if row["gender_hint"]:
        attributes["gender"] = row["gender_hint"]
    more = [image for image in row["more_images"].split("|") if image]
    return {
        "item_id": sku,
        "group_id": sku,
        "title": html.unescape(row["name"]),
        "description": row["description"],
        "url": _page("luma", sku),
        "image_url": _luma_image(row["image"]),
        "additional_image_urls": [_luma_image(image) for image in more],
        "price": float(row["price_usd"]) if row["price_usd"] else None,
        "currency": "USD",
        "categories": [row["category"]] if row["category"] else [],
        "tags": [tag for tag in row["tags"].split("|") if tag],
        "attributes": attributes,
    }


def _luma_variant(product: Fields, colour: Fields) -> Fields:
    sku = colour["example_variant_sku"]
    return {
        "item_id": sku,
        "group_id": product["item_id"],
        "title": f"{product['title']}, {colour['color']}",
        "url": product["url"],
        "image_url": _luma_image(colour["image"]),
        "price": product["price"],
        "currency": "USD",
        "categories": product["categories"],
        "attributes": {"color": colour["color"]},
    }


def _luma_links() -> dict[str, dict[str, list[str]]]:
    links: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(DATA / "luma" / "relations.csv"):
        links[row["sku"]][_LINK_TYPES[row["type"]]].append(row["linked_sku"])
    return links


def _luma_image(name: str) -> str:
    return f"/demo/luma/{name}" if name else ""


def _gift_shop() -> Iterator[Fields]:
    for row in _rows(DATA / "gift-shop" / "items.csv.gz"):
        yield {
            "item_id": row["StockCode"],
            # the shop's till printed capitals only
            "title": " ".join(row["description"].split()).capitalize(),
            "url": _page("gift-shop", row["StockCode"]),
            "price": float(row["median_price"]),
            "currency": "GBP",
        }


def _page(slug: str, item_id: str) -> str:
    return f"/demo/{slug}/products/{quote(item_id, safe='')}"


def _rows(path: Path) -> Iterator[dict[str, str]]:
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
