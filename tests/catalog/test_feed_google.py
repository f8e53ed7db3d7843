"""Google Merchant feeds: RSS, Atom and tab-separated."""

# ruff: noqa: E501  (rows of feeds are long)

from pathlib import Path

import pytest
from feed_reading import feed_of

from server.files.opening import Unreadable

RSS = '<?xml version="1.0"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>{}</channel></rss>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">{}</feed>'
FULL = """
<g:id>A-1</g:id><title>Old</title><g:title>Linen &amp; cotton shirt</g:title>
<g:description>&lt;p&gt;Soft&lt;/p&gt;</g:description><link>https://x.de/a</link>
<g:image_link>https://x.de/1.jpg</g:image_link><g:additional_image_link>https://x.de/2.jpg</g:additional_image_link>
<g:additional_image_link>https://x.de/3.jpg</g:additional_image_link><g:price>25,00 EUR</g:price>
<g:sale_price>20.00 EUR</g:sale_price><g:availability>in stock</g:availability><g:brand>Acme</g:brand>
<g:google_product_category>1604</g:google_product_category><g:product_type>Men &gt; Shirts</g:product_type>
<g:product_type>Linen</g:product_type><g:item_group_id>A</g:item_group_id><g:color>Blue</g:color><g:size>M</g:size>
<g:custom_label_0>summer</g:custom_label_0><g:shipping><g:price>5.00 EUR</g:price></g:shipping>
"""


def test_an_rss_item_with_everything(tmp_path: Path):
    feed = feed_of(tmp_path, RSS.format(f"<item>{FULL}</item>"))
    assert (feed.format, feed.warnings) == ("google", [])
    item = feed.items["A-1"]
    assert (item.title, item.description, item.url) == ("Linen & cotton shirt", "Soft", "https://x.de/a")
    assert (item.price, item.sale_price, item.currency) == (25.0, 20.0, "EUR")
    assert (item.group_id, item.brand, item.categories, item.tags) == (
        "A",
        "Acme",
        ["Men > Shirts", "Linen"],
        ["summer"],
    )
    assert item.additional_image_urls == ["https://x.de/2.jpg", "https://x.de/3.jpg"]
    assert item.attributes == {"color": "Blue", "size": "M"}


def test_an_atom_entry(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        ATOM.format(
            "<entry><id>tag:x.de,2020:1</id><g:id>B-1</g:id><title>Bowl</title><summary>Oak</summary>"
            '<link rel="self" href="https://x.de/feed"/><link href="https://x.de/bowl"/><g:price>9.99 USD</g:price>'
            "<g:availability>out_of_stock</g:availability></entry>"
        ),
    )
    item = feed.items["B-1"]
    assert (item.title, item.description, item.url) == ("Bowl", "Oak", "https://x.de/bowl")
    assert (item.availability, item.currency) == ("out_of_stock", "USD")


def test_the_same_shop_as_tab_separated_text(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        "id\ttitle\tdescription\tlink\timage link\tadditional image link\tprice\tsale price\tavailability\titem group id\t"
        "product type\tcolor\n"
        "A-1\tShirt\tSoft\thttps://x.de/a\thttps://x.de/1.jpg\thttps://x.de/2.jpg,https://x.de/3.jpg\t25.00 EUR\t\tpreorder\t"
        "A\tMen > Shirts\tBlue\n"
        "A-2\tShirt\t\t\t\t\tmany\t\tin stock\tA\t\t\n",
    )
    item = feed.items["A-1"]
    assert feed.format == "google"
    assert (item.availability, item.group_id, item.categories) == ("preorder", "A", ["Men > Shirts"])
    assert item.additional_image_urls == ["https://x.de/2.jpg", "https://x.de/3.jpg"]
    [bad] = feed.rejections
    assert (bad.line, bad.column, bad.found, bad.item_id) == (3, "price", "many", "A-2")


def test_bad_items_do_not_stop_good_ones_and_are_told_by_line(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        RSS.format(
            "\n<item><g:id>1</g:id><g:title>A</g:title><g:availability>perhaps</g:availability></item>"
            "\n<item><g:title>No id</g:title></item>"
            "\n<item><g:id>3</g:id></item>"
            "\n<item><g:id>4</g:id><g:title>Good</g:title></item>"
        ),
    )
    assert list(feed.items) == ["4"]
    assert [(bad.line, bad.column) for bad in feed.rejections] == [(2, "g:availability"), (3, "g:id"), (4, "g:title")]
    assert "in_stock" in feed.rejections[0].expected


def test_a_sale_outside_its_dates_is_no_sale(tmp_path: Path):
    items = "".join(
        f"<item><g:id>{dates}</g:id><g:title>A</g:title><g:price>10 EUR</g:price><g:sale_price>5 EUR</g:sale_price>"
        f"<g:sale_price_effective_date>{dates}</g:sale_price_effective_date></item>"
        for dates in ("2020-01-01T00:00-0800/2020-02-01T00:00-0800", "2020-01-01/2999-01-01", "2999-01-01/2999-02-01")
    )
    prices = [item.sale_price for item in feed_of(tmp_path, RSS.format(items)).items.values()]
    assert prices == [None, 5.0, None]


def test_a_feed_that_is_not_well_formed_is_recovered_with_a_warning(tmp_path: Path):
    feed = feed_of(
        tmp_path,
        "<rss><channel><item><g:id>1</g:id><g:title>Salt & Pepper</g:title><g:price>2 EUR</g:price></item></channel></rss>",
    )
    assert feed.items["1"].title == "Salt & Pepper"
    assert "not well-formed" in feed.warnings[0]


@pytest.mark.parametrize(
    "content", ["<html><body>Error</body></html>", "<?xml version='1.0'?><orders><order/></orders>"]
)
def test_other_markup_is_refused(tmp_path: Path, content: str):
    with pytest.raises(Unreadable):
        feed_of(tmp_path, content, format="google")
