"""How lists live in a page: asked for when near, in a shadow, with the shop's cards, taken over, taken away."""

import json
from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from tests.journeys.installation import Shop
from tests.widget.conftest import Visit
from tests.widget.storefront import DARK, LIGHT, PAUSE, RESERVED, Storefront, page
from tests.widget.test_widget_tracking import Sent

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOME = '<vitrina-recommendations placement="home" limit="4"></vitrina-recommendations>'
SHIFTS = """<script>window.shifts = 0; new PerformanceObserver(list => list.getEntries().forEach(entry =>
window.shifts += entry.value)).observe({ type: "layout-shift", buffered: true })</script>"""
PLACES = """[...document.querySelectorAll("vitrina-recommendations *:not(style)")].map(one => [one.className,
JSON.stringify(one.getBoundingClientRect()), getComputedStyle(one).color])"""
Visiting = Callable[..., Visit]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def visitor(visit: Visiting, sent: Sent) -> Visit:
    visitor = visit("about:blank")
    visitor.page.on("request", sent.note)
    return visitor


def test_lists_far_below_wait_and_then_share_one_request(storefront: Storefront, tag: str, visitor: Visit) -> None:
    asked: list[int] = []
    visitor.page.on(
        "request",
        lambda request: (
            asked.append(len(json.loads(request.post_data or "")["requests"])) if "/batch" in request.url else None
        ),
    )
    below = '<div style="height:4000px"></div>' + HOME + '<div style="height:3000px"></div>' + HOME
    visitor.page.goto(storefront.put("/below", page(tag, below)))
    visitor.page.wait_for_function("!!customElements.get('vitrina-recommendations')")
    visitor.page.wait_for_timeout(500)
    assert asked == []
    visitor.page.evaluate("scrollTo(0, 2500)")  # 400 px away from 900 px of window: still too far
    visitor.page.wait_for_timeout(300)
    assert asked == []
    visitor.page.evaluate("scrollTo(0, 2900)")
    visitor.wait_for_lists(2)
    assert asked == [2]


def test_the_fixed_version_works_with_its_hash(storefront: Storefront, shop: Shop, visit: Visiting, tag: str) -> None:
    release = httpx.get(f"{shop.http.base_url}/widget/release.json").json()
    source = f"{shop.http.base_url}/widget/{release['version']}/widget.js"
    fixed = tag.replace(tag.partition('src="')[2].partition('"')[0], source)
    attributes = f'crossorigin="anonymous" integrity="{release["integrity"]}" data-key'
    visitor = visit(storefront.put("/fixed", page(fixed.replace("data-key", attributes), HOME)))
    visitor.wait_for_lists()
    assert visitor.page.evaluate("vitrina.version") == release["version"]
    assert visitor.complaints == []


def test_calls_by_a_stub_get_their_answers(storefront: Storefront, tag: str, visit: Visiting) -> None:
    stub = (
        "<script>(w=>{if(w.vitrina)return;const q=w.vitrina=[];"
        "for(const n of['track','recommend','identify','consent'])"
        "q[n]=(...a)=>new Promise(r=>q.push(Object.assign([n,...a],{done:r})))})(window);"
        "vitrina.recommend({placement:'home',limit:3}).then(list=>window.list=list)</script>"
    )
    visitor = visit(storefront.put("/stub", page(tag, "", head=stub)))
    visitor.page.wait_for_function("window.list")
    assert len(visitor.page.evaluate("window.list.items")) == 3


def test_removing_takes_everything_away(storefront: Storefront, tag: str, visitor: Visit, sent: Sent) -> None:
    visitor.page.goto(storefront.put("/removed", page(tag, HOME + HOME)))
    visitor.wait_for_lists(2)
    visitor.page.wait_for_timeout(1500)
    visitor.page.evaluate("document.querySelectorAll('vitrina-recommendations').forEach(list => list.remove())")
    assert visitor.page.evaluate("document.adoptedStyleSheets.length") == 0
    visitor.page.evaluate("vitrina.remove()")
    assert visitor.page.evaluate("localStorage.length + sessionStorage.length + document.cookie") == "0"
    sent.clear()
    visitor.page.evaluate("dataLayer.push({event: 'view_item', ecommerce: {items: [{item_id: 'SKU-1'}]}})")
    visitor.page.wait_for_timeout(300)
    assert sent == []
    assert visitor.complaints == []


@pytest.mark.parametrize("shape", ["carousel", "grid", "list"])
def test_in_a_shadow_a_hostile_theme_has_no_say(storefront: Storefront, tag: str, visit: Visiting, shape: str) -> None:
    hostile = "* { position: static !important; } ul, li, a, span { display: none !important; color: red !important }"
    element = HOME.replace("limit", f'shadow layout="{shape}" limit')
    visitor = visit(storefront.put(f"/hostile-{shape}", page(tag, element, styles=hostile)))
    first = visitor.page.locator("vitrina-recommendations .vitrina-item").first
    expect(first).to_be_visible()
    assert first.evaluate("card => card.getRootNode() instanceof ShadowRoot")
    visitor.page.add_style_tag(content="vitrina-recommendations::part(title) { font-style: italic }")
    title = visitor.page.locator(".vitrina-title").first
    assert title.evaluate("title => getComputedStyle(title).fontStyle") == "italic", "but parts may be styled"
    assert visitor.complaints == []


def test_a_shop_draws_its_own_cards(storefront: Storefront, tag: str, visit: Visiting) -> None:
    template = '<template><h3><slot name="title"></slot></h3><slot name="item_id"></slot></template>'
    element = HOME.replace("></", f">{template}</")
    visitor = visit(storefront.put("/template", page(tag, element)))
    visitor.wait_for_lists()
    card = visitor.page.locator(".vitrina-item").first
    expect(card.locator("h3 a")).to_have_count(1)
    assert "SKU-" in (card.text_content() or "")


def test_a_server_drawn_list_is_taken_over(storefront: Storefront, tag: str, visitor: Visit, sent: Sent) -> None:
    drawn = (
        '<ul data-recommendation-id="rec_drawn"><li data-item-id="SKU-1"><a href="#1">One</a></li>'
        '<li data-item-id="SKU-2"><a href="#2">Two</a></li></ul>'
    )
    asked: list[Route] = []
    visitor.page.route("**/recommendations/batch*", lambda route: asked.append(route))
    visitor.page.goto(storefront.put("/drawn", page(tag, HOME.replace("></", f">{drawn}</"))))
    visitor.page.wait_for_timeout(1800)
    visitor.page.get_by_text("Two").click()
    visitor.page.wait_for_timeout(200)
    assert asked == []
    assert [event["items"][0]["item_id"] for event in sent.of("select_item")] == ["SKU-2"]
    assert [len(event["items"]) for event in sent.of("view_item_list")] == [2]
    assert {event["recommendation_id"] for event in [*sent.of("select_item"), *sent.of("view_item_list")]} == {
        "rec_drawn"
    }


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ('<template><h3><slot name="title"></slot></h3></template>', ".vitrina-item h3 a"),
        ('<ul data-recommendation-id="rec_1"><li data-item-id="SKU-1"><a href="#1">One</a></li></ul>', "a[href='#1']"),
        ("<p>Our best</p>", ".vitrina-item"),
    ],
)
def test_what_is_inside_may_come_after_the_script(
    storefront: Storefront, tag: str, visitor: Visit, inside: str, shown: str
) -> None:
    """As from a cache, with a page that is still on its way."""
    blocking = tag.replace("async ", "")
    visitor.page.goto(storefront.put("/late", page(blocking, HOME.replace("></", f">{PAUSE}{inside}</"))))
    visitor.page.locator(f"vitrina-recommendations {shown}").first.wait_for()
    visitor.page.wait_for_timeout(500)
    lists = visitor.page.locator("vitrina-recommendations > :not(template)")
    assert lists.count() == 1, "not the shop's beside the widget's"
    assert visitor.page.locator(".vitrina-skeleton").count() == 0
    assert visitor.complaints == []


def test_a_list_in_view_is_asked_for_before_the_first_frame(storefront: Storefront, tag: str, visitor: Visit) -> None:
    visitor.page.add_init_script("IntersectionObserver.prototype.observe = () => {}")  # it speaks with a frame
    hidden = f'<div id="closed" style="display:none">{HOME}</div>'
    visitor.page.goto(storefront.put("/first", page(tag, HOME)))
    visitor.wait_for_lists()
    visitor.page.goto(storefront.put("/closed", page(tag, hidden)))
    visitor.page.wait_for_function("window.vitrina?.version")
    visitor.page.wait_for_timeout(500)
    assert visitor.page.locator(".vitrina-item").count() == 0, "nobody sees this one"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shape", ["carousel", "grid", "list"])
@pytest.mark.parametrize("shadow", ["", " shadow"])
def test_axe_finds_nothing_in_any_layout(
    storefront: Storefront, tag: str, visit: Visiting, theme: str, shape: str, shadow: str
) -> None:
    element = HOME.replace(" limit", f'{shadow} layout="{shape}" limit')
    document = page(tag, element, styles=RESERVED + {"light": LIGHT, "dark": DARK}[theme])
    visitor = visit(storefront.put(f"/axe-{theme}-{shape}{shadow.strip()}", document))
    visitor.page.locator("vitrina-recommendations .vitrina-item").first.wait_for()
    results = Axe().run(visitor.page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("shape", ["grid", "list"])
def test_the_skeleton_has_the_final_size(storefront: Storefront, tag: str, visitor: Visit, shape: str) -> None:
    def hold_back(route: Route) -> None:
        visitor.page.wait_for_timeout(400)
        route.continue_()

    visitor.page.route("**/recommendations/batch*", hold_back)
    visitor.page.goto(storefront.put(f"/size-{shape}", page(tag, HOME.replace(" limit", f' layout="{shape}" limit'))))
    visitor.page.locator(".vitrina-skeleton").first.wait_for(state="attached")
    before = visitor.box("vitrina-recommendations")
    visitor.wait_for_lists()
    assert visitor.box("vitrina-recommendations") == before


@pytest.mark.parametrize("layout", ["carousel", "grid", "list"])
@pytest.mark.parametrize("width", [390, 1280])
def test_what_the_server_drew_stays_as_it_is(
    storefront: Storefront, tag: str, shop: Shop, visitor: Visit, sent: Sent, layout: str, width: int
) -> None:
    query = {"key": shop.publishable, "placement": "product-page", "item_id": "SKU-1", "limit": "8", "layout": layout}
    drawn = httpx.get(f"{shop.http.base_url}/v1/recommendations.html", params=query).text
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url) if "recommendations" in request.url else None)
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.page.goto(storefront.put(f"/served-{layout}", page("", drawn + "<p>After</p>", head=SHIFTS)))
    visitor.page.wait_for_timeout(300)
    before = visitor.page.evaluate(PLACES)
    visitor.page.goto(storefront.put(f"/served-{layout}", page(tag, drawn + "<p>After</p>", head=SHIFTS)))
    visitor.page.wait_for_function("window.vitrina?.version")
    visitor.page.wait_for_timeout(1800)
    assert asked == []
    assert [one for one in visitor.complaints if "404" not in one] == [], "but the picture that is lost"
    assert visitor.page.evaluate(PLACES) == before
    assert visitor.page.evaluate("window.shifts") == 0
    seen = [item for event in sent.of("view_item_list") for item in event["items"]]
    assert seen
    assert {event["item_list_id"] for event in sent.of("view_item_list")} == {"product-page"}
    if layout == "carousel":
        visitor.scroll_to_end()
        expect(visitor.page.locator(".vitrina-previous")).to_have_attribute("aria-disabled", "false")
    assert Axe().run(visitor.page, context="vitrina-recommendations").violations_count == 0


def test_what_the_server_drew_is_renewed_in_its_place(
    storefront: Storefront, tag: str, shop: Shop, visitor: Visit
) -> None:
    query = {"key": shop.publishable, "limit": "4", "lang": "de"}
    drawn = httpx.get(f"{shop.http.base_url}/v1/recommendations.html", params=query).text
    visitor.page.goto(storefront.put("/renewed", page(tag, drawn)))
    visitor.page.wait_for_function("window.vitrina?.version")
    heading, place = visitor.page.locator("h2").text_content(), visitor.box(".vitrina-items")
    with visitor.page.expect_response("**/recommendations/batch*"):
        visitor.page.evaluate("vitrina.track('add_to_wishlist', { item_id: 'SKU-2' })")
    expect(visitor.page.locator("[data-recommendation-id]")).to_have_count(0)
    expect(visitor.page.locator(".vitrina-item")).to_have_count(4)
    assert (visitor.page.locator("h2").text_content(), visitor.box(".vitrina-items")) == (heading, place)
