"""Plain tables, Magento's export and JSON lines."""

# ruff: noqa: E501  (rows of feeds are long)

import json
from pathlib import Path

import pytest
from feed_reading import FEEDS, feed_of, read_feed

from server.catalog.options import ImportOptions
from server.files.opening import Unreadable


def test_a_table_with_our_own_names(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        "item_id,title,description,url,image_url,additional_image_urls,price,sale_price,currency,availability,brand,"
        "categories,tags,group_id,attributes,links.upsell,stock\n"
        '1,Shirt,<b>Soft</b>,https://x.de/1,https://x.de/1.jpg,https://x.de/2.jpg|https://x.de/3.jpg,"1.234,50 €",999 €,EUR,'
        'in stock,Acme,Men > Shirts|Linen,"a, b",G,"{""color"": ""blue""}","2,3",\n',
    )
    assert (feed.format, feed.rejections) == ("csv", [])
    item = feed.items["1"]
    assert (item.price, item.sale_price, item.currency, item.description) == (1234.5, 999.0, "EUR", "Soft")
    assert (item.categories, item.tags, item.group_id) == (["Men > Shirts", "Linen"], ["a", "b"], "G")
    assert item.attributes == {"color": "blue"}
    assert item.additional_image_urls == ["https://x.de/2.jpg", "https://x.de/3.jpg"]


def test_names_are_guessed_and_a_mapping_comes_first(tmp_path: Path):
    text = "SKU;Bezeichnung;Preis;Farbe;Bestand;Zweitname\nA;Hemd;1.234;blau;0;Zweites\n"
    guessed = feed_of(tmp_path, text, locale="de").items["A"]
    assert (guessed.title, guessed.price, guessed.availability) == ("Hemd", 1234.0, "out_of_stock")
    assert guessed.attributes == {"color": "blau"}
    mapped = feed_of(
        tmp_path, text, mapping={"title": "Zweitname", "brand": {"value": "Acme"}, "attributes.tone": "Farbe"}
    ).items["A"]
    assert (mapped.title, mapped.brand, mapped.price) == ("Zweites", "Acme", 1.234)
    assert mapped.attributes == {"tone": "blau"}


def test_a_column_name_may_tell_the_currency(tmp_path: Path):
    item = feed_of(tmp_path, "sku,name,price_usd\nA,Bag,34\n").items["A"]
    assert (item.price, item.currency) == (34.0, "USD")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("name,price\nA,1\n", {}, "No column for item_id was found. The columns are: name, price"),
        ("sku,price\nA,1\n", {}, "No column for title"),
        ("sku,name\nA,B\n", {"mapping": {"title": "Nome"}}, "The file has: sku, name"),
        ("sku,name\nA,B\n", {"mapping": {"tittle": "name"}}, "“tittle”, which items do not have"),
        ("sku,name\n", {}, "no rows"),
        ("just some words\nof text\n", {}, "not recognised"),
        ("sku,name,price\nA,B,x\nC,D,y\n", {}, "None of the 2 rows.*line 2, column price: found “x”"),
        ('{\n  "items": [\n', {}, "JSON document"),
        ('[{"item_id": "1"}]', {}, "JSON document"),
        ("a,b\n1,2\n", {"format": "shopify"}, "Handle"),
        ("a,b\n1,2\n", {"format": "woocommerce"}, "WooCommerce"),
        ("a,b\n1,2\n", {"format": "google"}, "Google"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_clear_message(tmp_path: Path, content: str, options: dict, words: str):
    with pytest.raises(Unreadable, match=words):
        feed_of(tmp_path, content, **options)


def test_every_bad_row_is_told_and_good_ones_are_taken(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        "id,title,price,currency,availability,image,attributes\n"
        "1,Good,5,EUR,,,\n"
        ",No id,5,EUR,,,\n"
        "3,,5,EUR,,,\n"
        "4,Bad price,five,EUR,,,\n"
        "5,Bad currency,5,euros,,,\n"
        "6,Bad stock,5,EUR,soon,,\n"
        "7,Bad JSON,5,EUR,,,{x\n"
        '8,"Open quote,5,EUR,,,\n'
        "9,Good,6,EUR,in_stock,ftp://x/y.jpg,\n"
        f"{'x' * 200},Long id,5,EUR,,,\n",
    )
    assert list(feed.items) == ["1", "9"]
    assert [(bad.line, bad.column) for bad in feed.rejections] == [
        (3, "id"), (4, "title"), (5, "price"), (6, "currency"), (7, "availability"), (8, "attributes"), (9, ""), (11, "id"),
    ]  # fmt: skip
    assert all(bad.expected for bad in feed.rejections)


def test_the_last_of_several_rows_with_one_id_counts_with_a_warning(tmp_path: Path):
    feed = feed_of(tmp_path, "id,title\n1,First\n2,Other\n1,Last\n")
    assert feed.items["1"].title == "Last"
    assert len(feed.items) == 2
    assert "“1”" in feed.warnings[0]


def test_a_ten_megabyte_description_is_cut_and_its_row_kept(tmp_path: Path):
    feed = feed_of(tmp_path, "id,title,description\n1,A," + "word " * 2_000_000 + "\n2,B,short\n")
    assert len(feed.items["1"].description) <= 100_000
    assert feed.items["2"].description == "short"


@pytest.mark.parametrize("options", [ImportOptions(), ImportOptions(format="csv")])
def test_magentos_export_folds_variants_into_products(options: ImportOptions):
    feed = read_feed(FEEDS / "magento-hoodies.csv", options)
    assert (feed.format, len(feed.items), feed.rejections) == ("magento", 32, [])
    assert {item.group_id for item in feed.items.values()} == {"MH01", "MH02"}
    hoodie, variant = feed.items["MH01"], feed.items["MH01-XS-Black"]
    assert hoodie.categories == ["Men > Tops > Hoodies & Sweatshirts", "Collections > Eco Friendly"]
    assert hoodie.attributes["climate"] == ["All-weather", "Cool", "Indoor", "Spring", "Windy"]
    assert (hoodie.availability, variant.availability, variant.price) == ("in_stock", "in_stock", 52.0)
    assert variant.attributes == {"size": "XS", "color": "Black"}
    assert variant.image_url == "/media/catalog/product/m/h/mh01-black_main.jpg"
    assert variant.description.startswith("Ideal for cold-weather") and "•" in variant.description


def test_magentos_links_translations_and_disabled_products(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        "sku,store_view_code,attribute_set_code,product_type,name,product_online,visibility,price,related_skus,upsell_skus,"
        "associated_skus,url_key,qty,is_in_stock,manage_stock\n"
        'a,,Bag,simple,A,1,"Catalog, Search",5,"b,c",d,,a-bag,0,1,1\n'
        "a,french,,,Sac,,,,,,,,,,\n"
        "b,,Bag,simple,B,2,Search,5,,,,,3,1,1\n"
        "c,,Bag,simple,C,1,Not Visible Individually,5,,,,,3,1,1\n"
        'd,,Bag,grouped,D,1,Search,,,,"a=1.0000,c=2.0000",,0,1,1\n',
    )
    assert feed.withdrawn == {"b"}
    assert feed.items["a"].title == "A"
    assert (feed.items["a"].links.related, feed.items["a"].links.upsell) == (["b", "c"], ["d"])
    assert feed.items["d"].links.grouped == ["a", "c"]
    assert feed.items["a"].url == "/a-bag.html"
    assert [feed.items[name].availability for name in "acd"] == ["out_of_stock", "discontinued", "in_stock"]


def test_json_lines_with_our_names_and_with_others(tmp_path: Path):
    lines = [
        {"item_id": "1", "title": "A", "price": 5, "links": {"upsell": ["2"]}, "attributes": {"n": 1}},
        {
            "sku": "2",
            "name": "B",
            "price": "6,50 €",
            "images": ["https://x.de/1.jpg", "https://x.de/2.jpg"],
            "colour": "red",
        },
        {"item_id": "3", "title": "C", "price": "x"},
        {"item_id": "4", "title": "D", "unknown": 1},
        {"name": "No id"},
    ]
    feed = feed_of(tmp_path, "\n\n".join(json.dumps(line) for line in lines) + "\n[1]\nnot json\n")
    assert feed.format == "jsonl"
    assert feed.items["1"].links.upsell == ["2"]
    assert (feed.items["2"].price, feed.items["2"].currency) == (6.5, "EUR")
    assert feed.items["2"].additional_image_urls == ["https://x.de/2.jpg"]
    assert [bad.line for bad in feed.rejections] == [5, 7, 9, 10, 11]
    assert "unknown" in feed.rejections[1].expected
