"""The builder page as a shop's manager uses it: from the key to a snippet that works in the shop."""

import re
import shutil
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from tests.journeys.installation import Shop
from tests.widget.conftest import Visit
from tests.widget.storefront import PAUSE, Storefront, page
from tests.widget.test_widget_rendering import WATCH_SHIFTS
from tests.widget.test_woocommerce_plugin import run as run_plugin

pytestmark = [pytest.mark.slow, pytest.mark.browser]

Visiting = Callable[..., Visit]


@pytest.fixture
def builder(visit: Visiting, shop: Shop) -> Visit:
    visitor = visit(f"{shop.http.base_url}/widget/builder")
    visitor.page.get_by_label("publishable key").wait_for()
    return visitor


def enter(builder: Visit, key: str) -> None:
    field = builder.page.get_by_label("publishable key")
    field.fill(key)
    field.press("Tab")


def test_from_the_key_to_a_list_in_the_shop(
    builder: Visit, shop: Shop, storefront: Storefront, visit: Visiting
) -> None:
    told: list[str] = []
    builder.page.on("request", lambda request: told.append(request.url) if "/v1/events" in request.url else None)
    enter(builder, shop.publishable)
    builder.wait_for_lists()
    builder.page.get_by_label("Grid").check()
    builder.page.get_by_label("Title").fill('Our "best" <b>')
    builder.page.get_by_label("Products", exact=True).fill("3")
    builder.page.get_by_label("Sale price", exact=True).check()
    builder.page.get_by_label("A fixed version").check()
    expect(builder.page.locator("#preview .vitrina-grid .vitrina-item")).to_have_count(3)
    expect(builder.page.locator("#preview h2")).to_have_text('Our "best" <b>')
    builder.page.wait_for_timeout(300)
    head = builder.page.get_by_label("Once, in the head").input_value()
    body = builder.page.get_by_label("Where the list should stand").input_value()
    assert re.search(r'src="http://[^"]+/widget/1\.\d+\.\d+/widget\.js" integrity="sha384-', head)
    assert "--vitrina-sale-color: #c02020;" in head
    visitor = visit(storefront.put("/built", page(head, body)))
    visitor.wait_for_lists()
    assert visitor.page.locator("vitrina-recommendations h2").text_content() == 'Our "best" <b>'
    assert len(visitor.titles()) == 3
    assert told == [], "a preview is no shopper"
    assert [one for one in builder.complaints if "404" not in one] == [], (
        "but the catalog's pictures, which lie elsewhere"
    )


def test_a_pasted_key_and_a_typed_title_are_shown_before_their_field_is_left(builder: Visit, shop: Shop) -> None:
    title = builder.page.get_by_label("Title")
    title.fill(shop.publishable)
    title.press("ControlOrMeta+a")
    title.press("ControlOrMeta+x")
    builder.page.get_by_label("publishable key").press("ControlOrMeta+v")
    builder.wait_for_lists()
    title.press_sequentially("For you")
    expect(builder.page.locator("#preview h2")).to_have_text("For you")
    expect(title).to_be_focused()


@pytest.mark.parametrize("layout", ["Carousel", "Grid", "List"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_on_a_page_with_the_snippet(
    builder: Visit, shop: Shop, storefront: Storefront, visit: Visiting, layout: str, width: int
) -> None:
    enter(builder, shop.publishable)
    builder.page.get_by_role("radio", name=layout).check()
    builder.page.get_by_label("Products", exact=True).fill("6")
    builder.page.wait_for_timeout(300)
    head = builder.page.get_by_label("Once, in the head").input_value()
    body = builder.page.get_by_label("Where the list should stand").input_value()
    assert shifts(storefront, visit, head, body, width) == 0
    # where the browser has the script already, it runs before the rest of the page has come
    assert shifts(storefront, visit, head.replace("async ", ""), body + PAUSE, width) == 0


def shifts(storefront: Storefront, visit: Visiting, head: str, body: str, width: int) -> float:
    """How much moves on a page, with something below the list, to which the script comes late."""
    visitor = visit("about:blank", viewport={"width": width, "height": 1400})

    def hold_back(route: Route) -> None:
        visitor.page.wait_for_timeout(300)
        route.continue_()

    visitor.page.route("**/widget/v1.js", hold_back)
    document = page(f"<script>{WATCH_SHIFTS}</script>{head}", body + "<p>What stands below</p>")
    visitor.page.goto(storefront.put("/room", document))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(500)
    return round(visitor.page.evaluate("window.shifts"), 4)


@pytest.mark.skipif(not shutil.which("php"), reason="PHP is not installed: scripts/install-php")
@pytest.mark.parametrize("layout", ["carousel", "grid", "list"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_on_a_page_of_the_woocommerce_plugin(
    shop: Shop, storefront: Storefront, visit: Visiting, layout: str, width: int
) -> None:
    given = {"host": str(shop.http.base_url), "key": shop.publishable}
    head = run_plugin(["hook", "wp_head"], options=given)
    body = run_plugin(["shortcode", "vitrina", {"layout": layout, "limit": "6"}], options=given)
    assert shifts(storefront, visit, head, body, width) == 0


def test_a_page_to_which_no_script_comes_gets_the_room_back(
    builder: Visit, shop: Shop, storefront: Storefront, visit: Visiting
) -> None:
    enter(builder, shop.publishable)
    for layout in ("Carousel", "Grid", "List"):
        builder.page.get_by_role("radio", name=layout).check()
        builder.page.wait_for_timeout(300)
        head = builder.page.get_by_label("Once, in the head").input_value()
        body = builder.page.get_by_label("Where the list should stand").input_value()
        visitor = visit("about:blank")
        visitor.page.route("**/widget/v1.js", lambda route: route.abort())
        visitor.page.goto(storefront.put(f"/blocked-{layout}", page(head.replace("10s", "1s"), f"{body}<p>Below</p>")))
        assert visitor.box("p")["y"] > 300
        visitor.page.wait_for_timeout(1200)
        assert visitor.box("p")["y"] < 150


def test_a_product_is_found_by_its_title(builder: Visit, shop: Shop) -> None:
    enter(builder, shop.publishable)
    builder.page.get_by_label("Place on the page").select_option("product-page")
    expect(builder.page.get_by_label("Product to see it with")).to_be_visible()
    builder.page.get_by_label("Product to see it with").press_sequentially("linen tr")
    option = builder.page.locator("#found option").first
    expect(option).to_have_attribute("label", "Linen trousers")
    builder.page.get_by_label("Product to see it with").fill(option.get_attribute("value") or "")
    builder.page.get_by_label("Product to see it with").press("Tab")
    builder.wait_for_lists()
    assert "Linen trousers" not in builder.titles()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [("vsk_" + "x" * 32, "secret key"), ("hello", "begins with vpk_"), ("vpk_" + "x" * 32, "key")],
)
def test_a_wrong_key_is_told_so(builder: Visit, key: str, sentence: str) -> None:
    enter(builder, key)
    expect(builder.page.locator("#message")).to_contain_text(sentence)
    if key.startswith("vsk_"):
        assert builder.page.get_by_label("publishable key").input_value() == "", "and does not stay in the browser"


def test_another_key_shows_another_shop_with_the_choices_made(builder: Visit, shop: Shop) -> None:
    builder.page.get_by_label("Place on the page").select_option("search-empty")
    builder.page.get_by_label("Grid").check()
    builder.page.get_by_label("Title").fill("For you")
    builder.page.get_by_label("Sale price", exact=True).check()
    enter(builder, "vpk_" + "x" * 32)
    expect(builder.page.locator("#message")).not_to_be_empty()
    enter(builder, shop.publishable)
    builder.wait_for_lists()
    expect(builder.page.locator("#preview h2")).to_have_text("For you")
    head = builder.page.get_by_label("Once, in the head").input_value()
    body = builder.page.get_by_label("Where the list should stand").input_value()
    assert shop.publishable in head
    assert "--vitrina-sale-color: #c02020;" in head
    assert '<vitrina-recommendations placement="search-empty" layout="grid" heading="For you">' in body
    assert builder.page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_has_no_known_barriers(visit: Visiting, shop: Shop, width: int) -> None:
    builder = visit(f"{shop.http.base_url}/widget/builder", viewport={"width": width, "height": 900})
    builder.page.get_by_label("publishable key").wait_for()
    enter(builder, shop.publishable)
    builder.wait_for_lists()
    assert builder.page.evaluate("document.documentElement.scrollWidth") <= width
    results = Axe().run(builder.page)
    assert results.violations_count == 0, results.generate_report()
    builder.page.locator("#theme").click()
    assert Axe().run(builder.page).violations_count == 0
