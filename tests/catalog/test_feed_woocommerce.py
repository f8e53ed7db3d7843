"""WooCommerce's export, in many languages, with variations, links and drafts."""

# ruff: noqa: E501  (rows of feeds are long)

from pathlib import Path

import pytest
from feed_reading import FEEDS, Feed, feed_of

# the header lines that shops of these languages export: the same columns in the same order in the language's own words
LANGUAGES = dict(
    line.split(": ", 1) for line in (FEEDS / "woocommerce-headers.txt").read_text("utf-8").splitlines(keepends=True)
)
ENGLISH, GERMAN = LANGUAGES["en"], LANGUAGES["de"]
# a language that no table of ours knows: only what stands in the cells can tell
LANGUAGES["unknown"] = ",".join(f'"Sarake {chr(65 + n // 26)}{chr(65 + n % 26)}"' for n in range(41)) + (
    ',"Ominaisuus 1 a","Ominaisuus 1 b","Ominaisuus 1 c","Ominaisuus 1 d"\n'
)
COLUMNS = (
    *("id", "type", "sku", "gtin", "name", "published", "featured", "visibility", "short_description", "description"),
    *("sale_from", "sale_to", "tax_status", "tax_class", "in_stock", "stock", "low", "backorders", "sold_individually"),
    *("weight", "length", "width", "height", "reviews", "note", "sale", "regular", "categories", "tags", "shipping"),
    *("images", "limit", "expiry", "parent", "grouped", "upsells", "cross_sells", "external", "button", "position"),
    *("brands", "attribute", "value", "visible", "global"),
)


def row(**cells: object) -> str:
    """A row by the exporter's own names for its columns."""
    given = {"published": 1, "featured": 0, "visibility": "visible", "tax_status": "taxable", "in_stock": 1} | cells
    return ",".join('"' + str(given.get(name, "")).replace('"', '""') + '"' for name in COLUMNS) + "\n"


TEE = row(
    id=741, type="variable", sku="tee", name="T-Shirt", description="<p>Soft</p>\\nWarm", categories="Clothing > Tshirts",
    images="https://x.de/g.png, https://x.de/b.png", attribute="Color", value="Blue, Green", brands="Acme", tags="a, b",
)  # fmt: skip
BLUE = row(id=883, type="variation", sku="tee-blue", name="T-Shirt - Blue", parent="tee", regular="25,00", sale="20,00",
           attribute="Color", value="Blue", stock="parent", images="https://x.de/blue.png")  # fmt: skip
GREEN = row(id=884, type="variation", name="", parent="id:741", regular="30,00", attribute="Color", value="Green")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_gives_the_same_items(tmp_path: Path, language: str):
    feed = feed_of(tmp_path, LANGUAGES[language] + TEE + BLUE + GREEN, format="auto")
    assert (feed.format, feed.rejections) == ("woocommerce", [])
    assert list(feed.items) == ["tee", "tee-blue", "884"]
    tee, blue, green = feed.items.values()
    assert {item.group_id for item in (tee, blue, green)} == {"tee"}
    assert (tee.price, blue.price, blue.sale_price, green.price) == (20.0, 25.0, 20.0, 30.0)
    assert green.title == "T-Shirt"
    assert blue.description == green.description == "Soft\nWarm"
    assert blue.image_url == "https://x.de/blue.png"
    assert green.image_url == "https://x.de/g.png"
    assert green.categories == ["Clothing > Tshirts"]
    assert green.attributes["Color"] == "Green"
    assert tee.url == green.url == "/?p=741"


def test_auto_and_named_formats_agree(tmp_path: Path):
    auto: Feed = feed_of(tmp_path, GERMAN + TEE + BLUE)
    named = feed_of(tmp_path, GERMAN + TEE + BLUE, format="woocommerce")
    assert auto == named


def test_a_variation_may_stand_before_its_product(tmp_path: Path):
    feed = feed_of(tmp_path, ENGLISH + BLUE + TEE)
    assert feed.items["tee-blue"].description == "Soft\nWarm"


def test_links_name_items_by_their_own_ids(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        ENGLISH
        + row(id=1, type="simple", sku="a", name="A", regular=1, upsells="b, id:3", cross_sells="id:2")
        + row(id=2, type="simple", sku="b", name="B", regular=1)
        + row(id=3, type="simple", name="C", regular=1)
        + row(id=4, type="grouped", sku="set", name="Set", grouped="a, b"),
    )
    assert (feed.items["a"].links.upsell, feed.items["a"].links.cross_sell) == (["b", "3"], ["b"])
    assert feed.items["set"].links.grouped == ["a", "b"]


def test_drafts_are_withdrawn_with_their_variations_and_hidden_ones_are_not_for_sale(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        ENGLISH
        + row(id=1, type="simple", sku="draft", name="Draft", published=-1)
        + row(id=2, type="variable", sku="private", name="Private", published=0)
        + row(id=3, type="variation", sku="private-1", name="Private 1", parent="private", regular=1)
        + row(id=4, type="simple", sku="hidden", name="Hidden", regular=1, visibility="hidden")
        + row(id=5, type="simple", sku="gone", name="Gone", regular=1, in_stock=0)
        + row(id=6, type="simple", sku="later", name="Later", regular=1, in_stock="backorder"),
    )
    assert feed.withdrawn == {"draft", "private", "private-1"}
    assert {name: item.availability for name, item in feed.items.items()} == {
        "hidden": "discontinued", "gone": "out_of_stock", "later": "backorder",
    }  # fmt: skip


def test_sales_that_are_over_are_no_sales_and_escapes_are_undone(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        ENGLISH
        + row(id=1, type="simple", sku="'-1", name="'=Sum", regular=10, sale=5, sale_to="2020-01-31")
        + row(
            id=2,
            type="simple",
            sku="x",
            name="X",
            regular=10,
            sale=5,
            sale_from="2020-01-01",
            categories="A\\, B > C, D",
        ),
    )
    assert (feed.items["-1"].title, feed.items["-1"].sale_price) == ("=Sum", None)
    assert (feed.items["x"].sale_price, feed.items["x"].categories) == (5.0, ["A, B > C", "D"])


def test_a_variation_that_repeats_its_parents_sku_keeps_an_id_of_its_own(tmp_path: Path):
    feed = feed_of(
        tmp_path, ENGLISH + TEE + row(id=9, type="variation", sku="tee", name="Tee 9", parent="tee", regular=3)
    )
    assert list(feed.items) == ["tee", "9"]
    assert feed.items["9"].group_id == "tee"
