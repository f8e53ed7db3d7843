"""Shopify's CSV, in both generations of headers."""

# ruff: noqa: E501  (rows of feeds are long)

from pathlib import Path

from feed_reading import FEEDS, feed_of, read_feed

OLD = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,"
    "Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,"
    "Variant Barcode,Image Src,Image Position,Variant Image,Status\n"
)
NEW = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Price,Price / International,Compare-at price,Inventory tracker,Inventory quantity,"
    "Continue selling when out of stock,Product image URL,Image position,Variant image URL,"
    "Color (product.metafields.shopify.color-pattern)\n"
)


def test_a_real_export_with_line_ends_in_its_html():
    feed = read_feed(FEEDS / "shopify-furniture.csv")
    assert (feed.format, len(feed.items), feed.rejections) == ("shopify", 21, [])
    lamp = feed.items["floor-lamp"]
    assert (lamp.title, lamp.price, lamp.sale_price) == ("Floor Lamp", 85.0, 69.99)
    assert lamp.url == "/products/floor-lamp"
    assert feed.items["black-armchairs"].description.startswith("Description\nLorem ipsum")
    assert len({item.group_id for item in feed.items.values()}) == 20


def test_variants_share_their_product_and_image_rows_add_pictures(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        OLD + 'shirt,Shirt,<p>Soft</p>,Acme,Tops,"a, b",true,Size,S,Color,Blue,S-1,shopify,3,deny,20,,\'0123,'
        "https://x.de/2.jpg,2,,active\n"
        "shirt,,,,,,,,M,,Blue,,shopify,0,deny,22,30,,https://x.de/1.jpg,1,https://x.de/m.jpg,\n"
        "shirt,,,,,,,,L,,Red,S-1,shopify,0,continue,22,,,,,,\n"
        "shirt,,,,,,,,,,,,,,,,,,https://x.de/3.jpg,3,,\n",
    )
    assert list(feed.items) == ["S-1", "shirt-M-Blue", "shirt-L-Red"]  # a SKU used twice in a product is no id
    small, medium, large = feed.items.values()
    assert {item.group_id for item in feed.items.values()} == {"shirt"}
    assert (small.brand, small.categories, small.tags) == ("Acme", ["Tops"], ["a", "b"])
    assert small.attributes == {"Size": "S", "Color": "Blue", "gtin": "0123"}
    assert small.image_url == "https://x.de/1.jpg"
    assert small.additional_image_urls == ["https://x.de/2.jpg", "https://x.de/3.jpg"]
    assert medium.image_url == "https://x.de/m.jpg"
    assert (medium.title, medium.description, medium.price, medium.sale_price) == ("Shirt", "Soft", 30.0, 22.0)
    assert [item.availability for item in (small, medium, large)] == ["in_stock", "out_of_stock", "backorder"]


def test_a_variant_without_sku_is_named_by_handle_and_options_as_the_shops_pages_can_name_it(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        OLD + "oak-stool,Oak stool,,,,,true,Title,Default Title,,,,,,,20,,,,,,\n"
        "mug,Mug,,,,,true,Size,One size,,,,,,,9,,,,,,\n"
        "tee,Tee,,,,,true,Size,S / M,Color,Blue,,,,,5,,,,,,\n"
        "tee,,,,,,,,L,,Blue,,,,,5,,,,,,\n",
    )
    assert list(feed.items) == ["oak-stool", "mug-One size", "tee-S-M-Blue", "tee-L-Blue"]


def test_the_new_headers(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        NEW
        + "Bowl,bowl,<b>Oak</b>,Acme,Home > Kitchen,Bowls,wood,TRUE,Active,B-1,,Title,Default Title,18.00,25,,shopify,2,"
        "DENY,https://x.de/1.jpg,1,,Brown; Black\n"
        "Draft,draft,,,,,,TRUE,Draft,D-1,,,,1,,,,,,,,,\n"
        "Hidden,hidden,,,,,,FALSE,Active,H-1,,,,1,,,,,,,,,\n",
    )
    assert feed.format == "shopify"
    assert feed.withdrawn == {"D-1", "H-1"}
    bowl = feed.items["B-1"]
    assert (bowl.group_id, bowl.price, bowl.description) == ("bowl", 18.0, "Oak")
    assert bowl.categories == ["Bowls", "Home > Kitchen"]
    assert bowl.attributes == {"Color": "Brown; Black"}


def test_a_bad_price_costs_one_variant_and_is_told_with_its_column(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        OLD + "a,A,,,,,true,Size,S,,,A-1,,,,cheap,,,,,,\na,,,,,,,,M,,,A-2,,,,5,,,,,,\nb,,,,,,,,,,,B-1,,,,5,,,,,,\n",
    )
    assert list(feed.items) == ["A-2"]
    price, orphan = feed.rejections
    assert (price.line, price.column, price.found, price.item_id) == (2, "Variant Price", "cheap", "A-1")
    assert "19.90" in price.expected
    assert (orphan.line, orphan.column) == (4, "Title")


def test_a_file_with_titles_only_gets_handles_of_its_own(tmp_path: Path):
    feed = feed_of(tmp_path, "Title,Variant Price,Body (HTML)\nOak Bowl,5,x\n", format="shopify")
    assert list(feed.items) == ["oak-bowl"]
