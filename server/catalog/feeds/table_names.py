"""The names that columns of plain tables have, and which field each tells."""

import re
from collections.abc import Sequence

MANY = ("categories", "tags", "additional_image_urls")

_WORDS: dict[str, str] = {
    "item_id": """
        item_id id sku product_id productid article_number artikelnummer article_id item_sku product_sku
        variant_id variant_sku product_code stockcode stock_code item_code item_no itemid asin code article
        reference ref product item handle
    """,
    "title": "title name product_name product_title item_name item_title bezeichnung titel nom",
    "description": """
        description desc long_description product_description body body_html beschreibung text
        short_description details
    """,
    "url": "url link product_url product_link permalink page_url href",
    "image_url": """
        image_url image image_link main_image img picture picture_url photo image_src img_url base_image
        bild thumbnail imageurl
    """,
    "additional_image_urls": """
        additional_image_urls additional_images additional_image_link additional_image_links images
        more_images image_urls gallery pictures
    """,
    "price": "price regular_price list_price unit_price unitprice preis prix median_price msrp retail_price",
    "sale_price": "sale_price special_price discount_price offer_price reduced_price angebotspreis",
    "currency": "currency currency_code price_currency waehrung",
    "availability": "availability stock_status is_in_stock in_stock instock available",
    "stock": "stock quantity qty inventory inventory_quantity stock_quantity on_hand bestand",
    "brand": "brand brand_name vendor manufacturer marke hersteller marque",
    "categories": """
        categories category category_path category_name product_type google_product_category kategorie
        kategorien categorie department
    """,
    "tags": "tags tag keywords labels schlagwoerter",
    "group_id": """
        group_id item_group_id parent_sku parent_id product_group product_group_id group parent
        parent_product model_id style_id
    """,
    "attributes": "attributes attributes_json properties",
    "links.related": "related related_skus related_ids related_products links_related",
    "links.upsell": "upsell upsells upsell_skus upsell_ids links_upsell",
    "links.cross_sell": "cross_sell cross_sells crosssell crosssell_skus cross_sell_ids links_cross_sell",
    "links.grouped": "grouped grouped_products associated_skus links_grouped",
    "attributes.color": "color colour farbe couleur",
    "attributes.size": "size groesse taille",
}
_NAMES = {field: tuple(words.split()) for field, words in _WORDS.items()} | {
    f"attributes.{name}": (name,)
    for name in ("material", "pattern", "gender", "age_group", "condition", "gtin", "ean", "mpn", "style", "season")
}
_SEVERAL = {*MANY, "description"}


def targets_of(names: Sequence[str]) -> dict[int, str]:
    """Field by position, for columns whose name tells one. The better name wins; lists may take several columns."""
    plain = [_plain(name) for name in names]
    found: dict[int, str] = {}
    for target, theirs in _NAMES.items():
        for name in theirs:
            if name in plain and plain.index(name) not in found:
                found[plain.index(name)] = target
                if target not in _SEVERAL:
                    break
    for at, name in enumerate(plain):
        if re.fullmatch(r"price_[a-z]{3}", name) and at not in found and "price" not in found.values():
            found[at] = "price"
        elif match := re.fullmatch(r"attributes?_(\w+)|attributes\.(\w+)", names[at].strip()):
            found.setdefault(at, f"attributes.{match.group(1) or match.group(2)}")
    targets = found.values()
    if "title" not in targets and "description" in targets:
        at = next(at for at, target in found.items() if target == "description")
        found[at] = "title"
    return found


def _plain(name: str) -> str:
    name = name.strip().lower().translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}))
    return re.sub(r"[^\w]+", "_", name).strip("_")
