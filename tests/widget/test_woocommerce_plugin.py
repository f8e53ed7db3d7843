"""The WooCommerce plugin, run by PHP itself against stubs of the platform's functions: what it prints where."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parents[2] / "widget" / "plugins" / "woocommerce" / "vitrina"
OPTIONS = {"host": "https://vitrina.example", "key": "vpk_" + "x" * 32}
HOSTILE = '"><script>alert(1)</script>'

pytestmark = pytest.mark.skipif(not shutil.which("php"), reason="PHP is not installed: scripts/install-php")


class Tags(HTMLParser):
    """The tags of a piece of HTML, each as a name with its attributes, and the texts of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.texts.append(data)


def run(*steps: list[Any], options: dict[str, str] | None = None, **shop: Any) -> str:
    """What the plugin prints after these steps: `["hook", name, …]`, `["shortcode", name, attributes]`, …"""
    given = {"options": OPTIONS | (options or {}), "do": steps, **shop}
    stubs = Path(__file__).parent / "platform_stubs.php"
    php = ["php", "-d", "display_errors=stderr", str(stubs)]
    done = subprocess.run(php, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(PLUGIN.glob("*.php")), ids=lambda path: path.name)
def test_php_finds_no_error(path: Path) -> None:
    done = subprocess.run(["php", "-l", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_tag_stands_in_the_head() -> None:
    [(name, attributes), (style, _)] = Tags(run(["hook", "wp_head"])).found
    source = "https://vitrina.example/widget/v1.js"
    expected = {"async": None, "crossorigin": None, "src": source, "data-key": OPTIONS["key"]}
    assert (name, attributes, style) == ("script", expected, "style")
    [(_, waiting), _] = Tags(run(["hook", "wp_head"], options={"consent": "denied"})).found
    assert waiting["data-consent"] == "denied"


@pytest.mark.parametrize("missing", ["host", "key"])
def test_without_settings_nothing_is_printed(missing: str) -> None:
    assert run(["hook", "wp_head"], options={missing: ""}) == ""


def test_the_list_stands_in_place_of_related_products() -> None:
    summary = ["hook", "woocommerce_after_single_product_summary"]
    printed = run(summary, product={"sku": "W-1", "id": 7})
    assert (
        printed == '<vitrina-recommendations placement="product-page" item-id="W-1"><i></i></vitrina-recommendations>'
    )
    assert 'item-id="7"' in run(summary, product={"id": 7}), "a product without an SKU goes by its number"
    assert "WooCommerce's own" in run(summary, product={"id": 7}, options={"related": ""})


def test_a_variation_without_an_sku_of_its_own_goes_by_its_number_as_in_the_export() -> None:
    variation = {"id": 8, "parent_sku": "W-1"}
    assert 'item-ids="8"' in run(["hook", "woocommerce_after_cart"], cart=[variation])
    order = {"number": "12", "total": 5, "lines": [{"quantity": 1, "total": 5, "product": variation}]}
    assert 'item-ids="8"' in run(["hook", "woocommerce_thankyou", 12], order=order)


def test_the_cart_names_what_is_in_it() -> None:
    printed = run(["hook", "woocommerce_after_cart"], cart=[{"sku": "A", "id": 1}, {"id": 2}, {"sku": "A", "id": 1}])
    assert Tags(printed).found[0] == ("vitrina-recommendations", {"placement": "cart", "item-ids": "A,2"})
    assert run(["hook", "woocommerce_after_cart"], cart=[], options={"cart": ""}) == ""


def test_the_order_is_told_with_its_number() -> None:
    lines = [{"quantity": 2, "total": 39.8, "product": {"sku": "A", "id": 1}}, {"quantity": 1, "total": 5}]
    order = {"number": HOSTILE, "total": 44.8, "lines": lines}
    tags = Tags(run(["hook", "woocommerce_thankyou", 12], order=order))
    assert [name for name, _ in tags.found] == ["script", "vitrina-recommendations", "i"], "the number ends no script"
    call = json.loads(tags.texts[0].partition(".push(")[2].removesuffix(");"))
    assert call[:2] == ["track", "purchase"]
    assert call[2] == {
        "transaction_id": HOSTILE,
        "value": 44.8,
        "currency": "EUR",
        "items": [{"item_id": "A", "quantity": 2, "price": 19.9}],
    }


def test_a_failed_or_unknown_order_is_not_told() -> None:
    failed = {"number": "1", "total": 1, "lines": [], "status": "failed"}
    assert run(["hook", "woocommerce_thankyou", 12], order=failed) == ""
    assert run(["hook", "woocommerce_thankyou", 12]) == ""


def test_shortcode_and_block_print_the_element() -> None:
    printed = run(
        ["shortcode", "vitrina", {"placement": "cart", "item_ids": "A,B", "onclick": "x", "heading": HOSTILE}]
    )
    expected = {"placement": "cart", "item-ids": "A,B", "heading": HOSTILE}
    assert Tags(printed).found == [("vitrina-recommendations", expected), ("i", {})]
    plain = '<vitrina-recommendations placement="home"><i></i></vitrina-recommendations>'
    assert run(["shortcode", "vitrina", ""]) == plain
    attributes = {"placement": "product-page", "layout": "grid", "limit": "", "heading": ""}
    printed = run(["block", "vitrina/recommendations", attributes], product={"sku": "W-1", "id": 7})
    assert Tags(printed).found[0][1] == {"placement": "product-page", "item-id": "W-1", "layout": "grid"}


def test_a_list_for_a_category_names_that_of_the_page() -> None:
    shortcode = ["shortcode", "vitrina", {"placement": "category"}]
    assert Tags(run(shortcode, category="Shirts & more")).found[0][1]["category"] == "Shirts & more"
    assert "category" not in Tags(run(shortcode)).found[0][1], "elsewhere there is none"
    other = ["shortcode", "vitrina", {"placement": "category", "category": "Hats"}]
    assert Tags(run(other, category="Shirts")).found[0][1]["category"] == "Hats"


def test_room_is_kept_for_as_many_rows_as_will_be_shown() -> None:
    for layout, limit, rows in (("", "5", 1), ("grid", "5", 5), ("list", "", 8), ("list", "100000", 100)):
        printed = run(["shortcode", "vitrina", {"layout": layout, "limit": limit}])
        assert [name for name, _ in Tags(printed).found] == ["vitrina-recommendations", *("i",) * rows]


def test_what_cannot_work_is_not_saved_and_said() -> None:
    entered = {"host": "javascript:alert(1)", "key": "vsk_" + "x" * 32, "related": "1"}
    answer = json.loads(run(["save", entered]))
    assert (answer["saved"]["host"], answer["saved"]["key"]) == (OPTIONS["host"], OPTIONS["key"])
    assert (answer["saved"]["related"], answer["saved"]["cart"]) == ("1", "")
    assert len(answer["errors"]) == 2
    good = {"host": " https://other.example/ ", "key": "vpk_" + "y" * 32, "consent": "denied"}
    answer = json.loads(run(["save", good]))
    assert answer["errors"] == []
    assert answer["saved"]["host"] == "https://other.example"


def test_the_settings_page_shows_what_is_set() -> None:
    tags = Tags(run(["settings", ""], options={"host": "https://x.example/" + HOSTILE}))
    fields = {attributes.get("name"): attributes for name, attributes in tags.found if name == "input"}
    assert fields["vitrina[host]"]["value"] == "https://x.example/" + HOSTILE
    assert "checked" in fields["vitrina[related]"]
    assert "script" not in {name for name, _ in tags.found}
