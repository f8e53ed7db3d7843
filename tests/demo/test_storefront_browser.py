"""The demo storefront in a real Chromium, on a whole Vitrina: what a shopper does changes what they are shown."""

import json
import shutil
from collections.abc import Callable, Iterator

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from server.demo import catalogs, state
from server.demo.state import DemoShop
from server.settings import Settings
from tests.journeys.installation import Installation, Shop, running

pytestmark = pytest.mark.slow

FILLED = "vitrina-recommendations .vitrina-item"
PRODUCT = "MH09"


@pytest.fixture(scope="module")
def vitrina(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Vitrina of this file's own."""
    with running(tmp_path_factory.mktemp("storefront"), api_processes="1", encoder="minilm") as installation:
        yield installation


@pytest.fixture(scope="module")
def luma(vitrina: Installation) -> Shop:
    """Luma's men's tops, as `vitrina-server demo` would leave them."""
    catalogs.write_luma(vitrina.folder / "luma.jsonl")
    fields = [msgspec.json.decode(line) for line in (vitrina.folder / "luma.jsonl").open("rb")]
    mens = [item for item in fields if item["categories"][0].startswith("Men > Tops")]
    return _demo_shop(vitrina, mens, name="Luma", slug="luma", currency="USD", locale="en-US")


@pytest.fixture(scope="module")
def gifts(vitrina: Installation) -> Shop:
    """A few things of the gift shop, none with a photograph."""
    titles = ("White hanging heart t-light holder", "Red retrospot mug", "Blue paper parasol", "Jumbo bag apples")
    items = [
        {"item_id": f"gift-{number}", "title": title, "price": 1.25, "url": f"/demo/gift-shop/products/gift-{number}"}
        for number, title in enumerate(titles)
    ]
    return _demo_shop(vitrina, items, name="Gift shop", slug="gift-shop", currency="GBP", locale="en-GB")


def _demo_shop(vitrina: Installation, items: list[dict[str, object]], **fields: str) -> Shop:
    shop = vitrina.new_shop(**fields)
    answer = shop.http.post("/v1/items/batch", json={"items": items}, headers=shop.headers)
    assert answer.is_success, answer.text
    shop.wait_for_all()
    known = DemoShop(shop.shop_id, fields["slug"], fields["name"], shop.publishable, shop.secret, loaded=True)
    state.save(Settings(data_folder=str(vitrina.folder)), known)
    return shop


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, closed before tests that bring an event loop of their own."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield opened
        opened.close()


@pytest.fixture
def enter(browser: Browser, luma: Shop) -> Iterator[Callable[..., Page]]:
    """`enter(**context)` is a new shopper's window; whatever the browser complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def new_page(**options: object) -> Page:
        context = browser.new_context(base_url=str(luma.http.base_url), reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url) if not _own(request.url, luma) else None)
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert not complaints


def _own(url: str, luma: Shop) -> bool:
    return url.startswith((str(luma.http.base_url), "data:"))


def visit(page: Page, path: str = "") -> list[str]:
    """Open a page of the shop; the titles that are recommended there."""
    page.goto(f"/demo/luma{path}")
    page.locator(FILLED).first.wait_for()
    return titles(page)


def titles(page: Page) -> list[str]:
    return page.locator(".vitrina-item .vitrina-title").all_text_contents()


def test_a_like_renews_the_lists_of_the_open_page_at_once(enter: Callable[..., Page]) -> None:
    page = enter()
    before = visit(page, f"/products/{PRODUCT}")
    with page.expect_response("**/v1/recommendations/batch*"):
        page.locator(".buy .like button").click()
    page.get_by_text("The recommendations have been renewed").wait_for()
    expect(page.locator(".buy .like button")).to_have_attribute("aria-pressed", "true")
    expect(page.locator('[data-count="likes"]')).to_have_text("1")
    assert titles(page) and before
    first = visit(enter(), "")
    assert visit(page, "") != first, "the next page shows something else than to somebody new"


def test_a_view_changes_the_very_next_recommendations_and_one_sees_why(enter: Callable[..., Page]) -> None:
    page = enter()
    before = visit(page)
    with page.expect_response(lambda answer: '"view_item"' in (answer.request.post_data or "")):
        visit(page, f"/products/{PRODUCT}")
    assert visit(page) != before
    reasons = page.locator(".vitrina-item .vitrina-reason").all_text_contents()
    assert reasons and all(reasons)
    assert any("Abominable Hoodie" in reason for reason in reasons)


def test_search_as_one_types_by_keyboard_alone(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/demo/luma")
    field = page.get_by_role("combobox", name="Search the shop")
    field.press_sequentially("abomin", delay=20)
    page.get_by_role("option", name="Abominable Hoodie").first.wait_for()
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("ArrowDown")
    chosen = field.get_attribute("aria-activedescendant")
    assert chosen and page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    field.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    field.press_sequentially("a", delay=20)
    page.get_by_role("option", name="Abominable Hoodie").first.wait_for()
    field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url("**/products/MH09*")


def test_what_was_bought_is_recommended_no_more(enter: Callable[..., Page]) -> None:
    page = enter()
    suggested = visit(page)[0]
    page.locator(".vitrina-item .vitrina-title").first.click()
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_text("is in your cart.").first.wait_for()
    page.get_by_role("link", name="Go to the cart").click()
    page.get_by_role("heading", name="Cart", exact=True).wait_for()
    page.locator(FILLED).first.wait_for()
    assert suggested not in titles(page)
    page.get_by_role("link", name="To the checkout").click()
    expect(page.get_by_text("This is a pretend checkout.")).to_be_visible()
    with page.expect_response(lambda answer: '"purchase"' in (answer.request.post_data or "")) as told:
        page.get_by_role("button", name="Place the pretend order").click()
    events = json.loads(told.value.request.post_data or "{}")["events"]
    purchase = next(event for event in events if event["type"] == "purchase")
    assert purchase["transaction_id"] and purchase["items"][0]["quantity"] == 1
    assert told.value.json()["accepted"] >= 1
    page.get_by_role("heading", name="Thank you").wait_for()
    page.locator(FILLED).first.wait_for()
    assert suggested not in titles(page)
    assert suggested not in visit(page)


def test_whoever_signs_in_is_who_vitrina_is_asked_for(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/demo/luma/account")
    with page.expect_navigation():
        page.get_by_role("button", name="New customer").click()
    shopper = page.locator("body").get_attribute("data-shopper") or ""
    assert shopper.startswith("new-")
    with page.expect_request("**/v1/recommendations/batch*") as asked:
        page.reload()
    assert json.loads(asked.value.post_data or "{}")["requests"][0]["shopper_id"] == shopper
    page.goto("/demo/luma/account")
    with page.expect_navigation():
        page.get_by_role("button", name="Guest").click()
    with page.expect_request("**/v1/recommendations/batch*") as asked:
        page.reload()
    assert json.loads(asked.value.post_data or "{}")["requests"][0]["shopper_id"] != shopper


def test_the_panel_tells_what_vitrina_was_told(enter: Callable[..., Page]) -> None:
    page = enter()
    visit(page, f"/products/{PRODUCT}")
    page.get_by_text("How Vitrina sees you").click()
    expect(page.get_by_text("Looked at Abominable Hoodie")).to_be_visible()
    expect(page.locator('[data-seen="lists"]').get_by_text("product-page:")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_window_and_have_no_known_barriers(enter: Callable[..., Page], width: int, theme: str) -> None:
    page = enter(viewport={"width": width, "height": 844}, color_scheme=theme)
    axe = Axe()
    for path in ["", "/categories/men/tops", f"/products/{PRODUCT}", "/account", "/likes", "/search?q=hoodie"]:
        page.goto(f"/demo/luma{path}")
        if page.locator("vitrina-recommendations").count():
            page.locator("vitrina-recommendations").first.scroll_into_view_if_needed()
            page.locator(FILLED).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = axe.run(page).response["violations"]
        assert not found, (path, [(one["id"], one["nodes"][0]["target"]) for one in found])


def test_the_theme_button_turns_the_page_and_is_remembered(enter: Callable[..., Page]) -> None:
    page = enter(color_scheme="light")
    page.goto("/demo/luma")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()


def test_shopping_without_javascript(enter: Callable[..., Page]) -> None:
    page = enter(java_script_enabled=False)
    page.goto("/demo/luma/all")
    page.get_by_role("link", name="Abominable Hoodie").click()
    page.get_by_role("button", name="Like", exact=True).click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("heading", name="Cart")).to_be_visible()
    page.get_by_label("How many Abominable Hoodie").fill("3")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("$207.00").first).to_be_visible()
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_role("button", name="Place the pretend order").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def test_a_touch_of_the_keyboard_reaches_the_content_first(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/demo/luma")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_things_without_a_photograph_come_in_labelled_paper_everywhere(enter: Callable[..., Page], gifts: Shop) -> None:
    page = enter()
    page.goto("/demo/gift-shop")
    label = page.locator(".vitrina-item", has_text="Red retrospot mug").locator(".vitrina-initials")
    label.wait_for()
    page.locator(".vitrina-initials.paper--red.paper--dots").first.wait_for()
    assert label.get_attribute("data-initials") == "Red retrospot mug"
    page.goto("/demo/gift-shop/all")
    expect(page.locator(".card .paper--red.paper--dots", has_text="Red retrospot mug")).to_be_visible()
