"""What shoppers see of the widget, and that it never hurts the page it is on."""

import re
from collections.abc import Callable, Iterable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Route, expect

from server.serving.sentences import LANGUAGES
from tests.journeys.installation import Shop, free_port
from tests.widget.conftest import HOSTILE, Visit
from tests.widget.storefront import DARK, LIGHT, RESERVED, ROOM, Storefront, page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

EVERYTHING = '<vitrina-recommendations placement="home" limit="30"></vitrina-recommendations>'
HOME = '<vitrina-recommendations placement="home" limit="8"></vitrina-recommendations>'
PRODUCT = '<vitrina-recommendations placement="product-page" item-id="SKU-1" limit="8"></vitrina-recommendations>'
GRID = '<vitrina-recommendations placement="cart" item-ids="SKU-1" layout="grid" limit="6"></vitrina-recommendations>'
AFTER = "<p id=after>What comes after the list</p>"
WATCH_SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver(list => list.getEntries().forEach(entry => window.shifts += entry.value))
    .observe({ type: "layout-shift", buffered: true });
"""
Visiting = Callable[..., Visit]


def harm(visit: Visit) -> object:
    return visit.page.evaluate("window.harmed")


def test_a_page_shows_all_its_lists_after_one_request(storefront: Storefront, tag: str, visit: Visiting) -> None:
    address = storefront.put("/lists", page(tag, HOME + PRODUCT + GRID))
    visitor = visit("about:blank")
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition('?')[0]}"))
    visitor.page.goto(address)
    visitor.wait_for_lists(3)
    calls = [request for request in asked if "/v1/recommendations" in request]
    assert len(calls) == 1, "one request for the page, and no preflight before it"
    assert calls[0].startswith("POST ")
    assert calls[0].endswith("/v1/recommendations/batch")
    assert visitor.page.locator("h2").all_text_contents() == [
        "Recommended for you",
        "You may also like",
        "Goes well with your cart",
    ]
    assert len(set(visitor.titles())) == len(visitor.titles()), "no item twice on a page"
    reasons = visitor.page.locator(".vitrina-item .vitrina-reason").all_text_contents()
    assert reasons
    assert all(reasons)


def test_a_list_that_ends_the_page_shares_the_request_of_the_others(
    storefront: Storefront, tag: str, visit: Visiting
) -> None:
    """Nothing comes after it, not even white space, and the script is at hand before the page is read to its end."""
    visitor = visit(storefront.put("/end", page(tag, HOME + GRID)))
    visitor.wait_for_lists(2)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url) if "/batch" in request.url else None)
    for _ in range(8):
        asked.clear()
        visitor.page.reload()
        visitor.wait_for_lists(2)
        assert len(asked) == 1


def test_every_kind_of_card_is_shown_right(storefront: Storefront, tag: str, visit: Visiting) -> None:
    visitor = visit(storefront.put("/cards", page(tag, EVERYTHING)))
    visitor.wait_for_lists()
    row = visitor.page.locator(".vitrina-item")

    def card(title: str) -> Locator:
        return row.filter(has=visitor.page.locator(".vitrina-title").get_by_text(title, exact=True))

    expect(card("Linen shirt, white").locator(".vitrina-price")).to_have_text("now €29.90, was €39.90")
    expect(card("Linen trousers").locator(".vitrina-price")).to_have_text("€49.50")
    expect(card("Wool jumper").locator(".vitrina-price")).to_have_text("€0.00")
    expect(card("Without a price").locator(".vitrina-price")).to_have_text("")
    expect(card("Cotton shirt, blue").locator(".vitrina-initials")).to_have_attribute("data-initials", "CS")
    card("Missing picture").scroll_into_view_if_needed()
    expect(card("Missing picture").locator(".vitrina-initials")).to_have_attribute("data-initials", "MP")
    expect(card("Linen trousers").locator("a")).to_have_attribute("href", f"{storefront.address}/p/2")
    heights = set(row.evaluate_all("cards => cards.map(card => Math.round(card.offsetHeight))"))
    assert len(heights) == 1, "a long word or a missing price makes no card taller or shorter"


def test_a_price_reads_as_the_page_does(storefront: Storefront, tag: str, visit: Visiting) -> None:
    visitor = visit(storefront.put("/german", page(tag, EVERYTHING, attributes='lang="de"')))
    visitor.wait_for_lists()
    assert "49,50\u00a0€" in visitor.page.locator(".vitrina-price").all_text_contents()


def test_a_page_that_names_no_language_gets_its_lists_in_the_browsers(
    storefront: Storefront, tag: str, visit: Visiting
) -> None:
    visitor = visit(storefront.put("/unnamed", page(tag, EVERYTHING, attributes="")), locale="pl-PL")
    visitor.wait_for_lists()
    expect(visitor.page.get_by_role("heading", name="Polecane dla Ciebie")).to_be_visible()
    assert "49,50\u00a0€" in visitor.page.locator(".vitrina-price").all_text_contents()


def test_reasons_read_as_the_page_does_and_as_a_part_of_it_in_another_language(
    storefront: Storefront, tag: str, visit: Visiting
) -> None:
    polish = PRODUCT.replace("<vitrina-recommendations", '<vitrina-recommendations lang="pl-PL"')
    visitor = visit(storefront.put("/reasons", page(tag, PRODUCT + polish, attributes='lang="de-AT"')))
    visitor.wait_for_lists(2)

    def sentences(texts: Iterable[str]) -> set[str]:
        return {re.sub(r"Linen [^»“”\xa0]+", "{}", text) for text in texts}

    def told(number: int) -> set[str]:
        texts = (
            visitor.page.locator("vitrina-recommendations").nth(number).locator(".vitrina-reason").all_text_contents()
        )
        assert len(texts) > 4
        return sentences(texts)

    assert told(0) <= set(LANGUAGES["de"].values())
    assert told(1) <= set(LANGUAGES["pl"].values())
    asked = "vitrina.recommend({ placement: 'home', limit: 3 })"
    for more, language in (("", "de"), ("document.documentElement.lang = 'ru';", "ru"), ("", "ru")):
        answer = visitor.page.evaluate(f"() => {{ {more} return {asked} }}")
        assert sentences(item["reason"]["text"] for item in answer["items"]) <= set(LANGUAGES[language].values())
    visitor.page.evaluate("document.querySelector('vitrina-recommendations').lang = 'fr'")
    expect(visitor.page.locator(".vitrina-heading").first).to_have_text("Vous aimerez aussi")
    visitor.page.wait_for_function(
        "starts => starts.some(start => document.querySelector('.vitrina-reason').textContent.startsWith(start))",
        arg=[sentence.partition("{}")[0] for sentence in LANGUAGES["fr"].values()],
    )


def test_hostile_texts_stay_texts(storefront: Storefront, tag: str, visit: Visiting) -> None:
    visitor = visit(storefront.put("/hostile", page(tag, EVERYTHING)))
    visitor.wait_for_lists()
    assert HOSTILE in visitor.titles()
    assert visitor.page.locator("vitrina-recommendations script").count() == 0
    assert harm(visitor) is None


def test_a_link_that_is_none_never_becomes_one(storefront: Storefront, tag: str, visit: Visiting) -> None:
    """The API refuses such addresses; should one arrive all the same, it stops here."""
    visitor = visit("about:blank")
    harmful = "javascript:window.harmed=1"

    def poison(route: Route) -> None:
        answer = route.fetch()
        lists = answer.json()
        for item in lists["responses"][0]["items"]:
            item |= {"url": harmful, "image_url": harmful}
        route.fulfill(response=answer, json=lists)

    visitor.page.route("**/v1/recommendations/batch*", poison)
    visitor.page.goto(storefront.put("/links", page(tag, HOME)))
    visitor.wait_for_lists()
    assert visitor.page.locator("vitrina-recommendations :is(a, img)").count() == 0
    visitor.page.locator(".vitrina-title").first.click()
    assert harm(visitor) is None


@pytest.mark.parametrize("outage", ["down", "html", "slow"])
def test_an_api_that_fails_leaves_the_page_unharmed(
    storefront: Storefront, tag: str, visit: Visiting, outage: str
) -> None:
    api = {"down": f"http://127.0.0.1:{free_port()}", "html": storefront.address, "slow": f"{storefront.address}/slow"}
    broken = tag.replace("data-key", f'data-api="{api[outage]}" data-key')
    listen = f"<script>{WATCH_SHIFTS} addEventListener('vitrina:error', event => window.told = event.detail)</script>"
    below = AFTER + '<div style="height: 3000px"></div>'
    visitor = visit(storefront.put(f"/{outage}", page(broken, HOME + below, head=listen)))
    visitor.page.wait_for_function("window.told", timeout=11_000)
    element = visitor.page.locator("vitrina-recommendations")
    expect(element).to_be_hidden()
    assert element.evaluate("element => element.innerText") == ""
    visitor.page.mouse.wheel(0, 2500)
    expect(element).to_be_empty()  # out of view it gives its room back
    visitor.page.mouse.wheel(0, -2500)
    assert visitor.page.evaluate("window.shifts") == 0
    assert element.evaluate("element => element.offsetHeight") == 0
    assert visitor.page.evaluate("window.told") == {
        "placement": "home",
        "recommendation_id": None,
        "strategy": None,
        "count": 0,
    }
    expect(visitor.page.locator("#after")).to_be_visible()
    ours = [complaint for complaint in visitor.complaints if "net::ERR_CONNECTION_REFUSED" not in complaint]
    assert ours == [], "the browser reports the refused connection; the widget itself has nothing to say"


def test_an_unknown_key_hides_the_element(storefront: Storefront, tag: str, shop: Shop, visit: Visiting) -> None:
    visitor = visit(storefront.put("/key", page(tag.replace(shop.publishable, "vpk_" + "x" * 32), HOME)))
    expect(visitor.page.locator("vitrina-recommendations")).to_be_hidden()
    assert [complaint for complaint in visitor.complaints if "401" not in complaint] == []


def test_a_strict_content_security_policy_is_kept(
    storefront: Storefront, tag: str, shop: Shop, visit: Visiting
) -> None:
    api = str(shop.http.base_url).rstrip("/")
    policy = (
        f"default-src 'none'; script-src {api} 'nonce-test'; connect-src {api}; img-src 'self' data:; "
        "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'"
    )
    watch = (
        '<script nonce="test">window.violations = [];'
        "addEventListener('securitypolicyviolation', event => window.violations.push(event.violatedDirective))</script>"
    )
    document = page(tag, HOME + GRID, styles="", head=watch)
    visitor = visit(storefront.put("/strict", document, content_security_policy=policy))
    visitor.wait_for_lists(2)
    visitor.page.locator(".vitrina-next").first.click()
    visitor.page.wait_for_timeout(500)
    assert visitor.page.evaluate("window.violations") == []
    assert [complaint for complaint in visitor.complaints if "404" not in complaint] == [], "but the lost picture"
    assert visitor.box(".vitrina-image")["height"] > 150, "styles are in force"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_while_lists_come_and_change(
    storefront: Storefront, tag: str, visit: Visiting, width: int
) -> None:
    document = page(tag, PRODUCT + AFTER + HOME, head=f"<script>{WATCH_SHIFTS}</script>")
    visitor = visit("about:blank", viewport={"width": width, "height": 1400})

    def hold_back(route: Route) -> None:  # so that the page is painted before the script and before the answer
        visitor.page.wait_for_timeout(300)
        route.continue_()

    visitor.page.route("**/widget/v1.js", hold_back)
    visitor.page.route("**/v1/recommendations/batch*", hold_back)
    visitor.page.goto(storefront.put(f"/shift{width}", document))
    visitor.wait_for_lists(2)
    visitor.page.wait_for_timeout(500)
    assert visitor.page.evaluate("vitrina.track('add_to_wishlist', { item_id: 'SKU-2' })") is True
    visitor.page.wait_for_timeout(1000)
    assert round(visitor.page.evaluate("window.shifts"), 4) == 0
    assert visitor.page.evaluate("document.documentElement.scrollWidth") == width, (
        "no page becomes wider than its window"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(storefront: Storefront, tag: str, visit: Visiting, theme: str, width: int) -> None:
    styles = RESERVED + {"light": LIGHT, "dark": DARK}[theme]
    document = page(tag, HOME + PRODUCT + GRID, styles=styles)
    visitor = visit(storefront.put(f"/axe-{theme}", document), viewport={"width": width, "height": 900})
    visitor.wait_for_lists(3)
    visitor.page.wait_for_timeout(600)  # until all cards have appeared
    results = Axe().run(visitor.page)
    assert results.violations_count == 0, results.generate_report()


def test_the_keyboard_reaches_every_card(storefront: Storefront, tag: str, visit: Visiting) -> None:
    visitor = visit(storefront.put("/keyboard", page(tag, PRODUCT)), viewport={"width": 600, "height": 900})
    visitor.wait_for_lists()
    press = visitor.page.keyboard.press
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    order = []
    for _ in range(10):
        press("Tab")
        order.append(visitor.page.evaluate(focused))
    assert order[:2] == ["Previous", "Next"]
    assert order[2:] == visitor.titles()
    scrolled = "document.querySelector('.vitrina-items').scrollLeft"
    visitor.page.wait_for_function(f"{scrolled} > 300")
    ring = "getComputedStyle(document.activeElement, '::after').outlineStyle"
    assert visitor.page.evaluate(ring) == "solid"


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_buttons_scroll_and_know_the_ends(storefront: Storefront, tag: str, visit: Visiting, direction: str) -> None:
    document = page(tag, PRODUCT, attributes=f'lang="en" dir="{direction}"')
    visitor = visit(storefront.put(f"/buttons-{direction}", document), viewport={"width": 600, "height": 900})
    visitor.wait_for_lists()
    previous, forward = visitor.page.locator(".vitrina-previous"), visitor.page.locator(".vitrina-next")
    expect(previous).to_have_attribute("aria-disabled", "true")
    expect(forward).to_have_attribute("aria-disabled", "false")
    start = visitor.box(".vitrina-item")["x"]
    visitor.scroll_to_end()
    expect(forward).to_have_attribute("aria-disabled", "true")
    expect(previous).to_have_attribute("aria-disabled", "false")
    moved = visitor.box(".vitrina-item")["x"] - start
    assert moved > 300 if direction == "rtl" else moved < -300


def test_a_row_that_fits_has_no_buttons(storefront: Storefront, tag: str, visit: Visiting) -> None:
    """Fewer products than were asked for: the skeleton was longer."""
    visitor = visit("about:blank")

    def shorten(route: Route) -> None:
        answer = route.fetch()
        lists = answer.json()
        del lists["responses"][0]["items"][3:]
        route.fulfill(response=answer, json=lists)

    visitor.page.route("**/v1/recommendations/batch*", shorten)
    visitor.page.goto(storefront.put("/few", page(tag, HOME)))
    visitor.wait_for_lists()
    expect(visitor.page.locator(".vitrina-next")).to_be_hidden()


@pytest.mark.parametrize("layout", ["grid", "list"])
def test_nothing_moves_where_fewer_products_come_than_places(
    storefront: Storefront, tag: str, visit: Visiting, layout: str
) -> None:
    places = f'<vitrina-recommendations placement="home" layout="{layout}">{"<i></i>" * 8}</vitrina-recommendations>'
    visitor = visit("about:blank", viewport={"width": 1280, "height": 1600})

    def shorten(route: Route) -> None:
        answer = route.fetch()
        lists = answer.json()
        del lists["responses"][0]["items"][3:]
        visitor.page.wait_for_timeout(300)  # until the skeleton is painted
        route.fulfill(response=answer, json=lists)

    visitor.page.route("**/v1/recommendations/batch*", shorten)
    document = page(tag, places + AFTER, styles=LIGHT + ROOM, head=f"<script>{WATCH_SHIFTS}</script>")
    visitor.page.goto(storefront.put(f"/fewer-{layout}", document))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(500)
    assert round(visitor.page.evaluate("window.shifts"), 4) == 0
    expect(visitor.page.locator(".vitrina-items > li")).to_have_count(8)
    expect(visitor.page.locator(".vitrina-items > li:visible")).to_have_count(3)
    visitor.page.evaluate(
        "document.body.prepend(Object.assign(document.createElement('hr'), { style: 'height:3000px' }))"
    )
    expect(visitor.page.locator(".vitrina-items > li")).to_have_count(3)


def test_a_theme_wins_over_the_widget(storefront: Storefront, tag: str, visit: Visiting) -> None:
    styles = "h2{font-size:50px} a{color:rgb(1, 2, 3)} img{max-width:100%;height:auto} *{margin:0;padding:0}"
    visitor = visit(storefront.put("/theme", page(tag, PRODUCT, styles=styles)))
    visitor.wait_for_lists()
    read = "(selector, name) => getComputedStyle(document.querySelector(selector))[name]"
    page_ = visitor.page
    assert page_.evaluate(f"({read})('.vitrina-heading', 'fontSize')") == "50px"
    assert page_.evaluate(f"({read})('a.vitrina-title', 'color')") == "rgb(1, 2, 3)"
    assert visitor.box(".vitrina-photo") == visitor.box(".vitrina-image:has(img)"), (
        "the picture fills its box under a common reset"
    )


def test_reduced_motion_is_kept(storefront: Storefront, tag: str, visit: Visiting) -> None:
    visitor = visit(storefront.put("/still", page(tag, PRODUCT)), reduced_motion="reduce")
    visitor.wait_for_lists()
    names = visitor.page.locator(".vitrina-item").evaluate_all(
        "cards => cards.map(c => getComputedStyle(c).animationName)"
    )
    assert set(names) == {"none"}
    row = visitor.page.locator(".vitrina-items").first
    assert row.evaluate("row => getComputedStyle(row).scrollBehavior") == "auto"
