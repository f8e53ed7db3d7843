"""The widget in Firefox: it draws, tells, keeps silent without consent, and follows a single-page shop."""

from collections.abc import Iterator

import pytest

from tests.journeys.installation import Shop
from tests.widget.firefox import PROGRAM, Firefox, running_firefox
from tests.widget.storefront import Storefront, page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None, reason="firefox-esr is not installed; scripts/install-browser gets it on Debian"
    ),
]

HOME = '<vitrina-recommendations placement="home" limit="4"></vitrina-recommendations>'
PRODUCT = '<script type="application/ld+json">{"@type": "Product", "sku": "SKU-1"}</script>'
FILLED = "document.querySelectorAll('.vitrina-item').length === 4"
# What pages tell: the bodies of their events, and their complaints
LISTEN = """
window.told = []; window.complaints = [];
const send = window.fetch;
window.fetch = (address, options) => {
  if (String(address).includes("/v1/events")) window.told.push(...JSON.parse(options.body).events);
  return send(address, options);
};
addEventListener("error", event => window.complaints.push(event.message));
addEventListener("unhandledrejection", event => window.complaints.push(String(event.reason)));
"""


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    with running_firefox() as opened:
        opened.before_each_page(LISTEN)
        yield opened


@pytest.fixture(autouse=True)
def unknown(firefox: Firefox, storefront: Storefront) -> None:
    """Each test begins as a new shopper."""
    firefox.open(storefront.put("/forgotten", page("", "")))
    firefox.evaluate("(localStorage.clear(), sessionStorage.clear())")
    firefox.requests.clear()


def told(firefox: Firefox, kind: str) -> list[str]:
    return firefox.evaluate(
        f"told.filter(one => one.type === '{kind}').map(one => one.item_id ?? one.items[0].item_id)"
    )


@pytest.mark.parametrize("layout", ["carousel", "grid", "list"])
def test_a_list_is_drawn(firefox: Firefox, storefront: Storefront, tag: str, layout: str) -> None:
    element = HOME.replace("limit", f'layout="{layout}" limit')
    firefox.open(storefront.put(f"/firefox-{layout}", page(tag, element)))
    firefox.wait_for(FILLED)
    heights = firefox.evaluate("[...document.querySelectorAll('.vitrina-item')].map(one => one.offsetHeight)")
    assert min(heights) > 60
    assert firefox.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
    assert firefox.evaluate("document.adoptedStyleSheets.length") == 1
    assert firefox.evaluate("getComputedStyle(document.querySelector('.vitrina-items')).display") == "grid"
    assert firefox.evaluate("complaints") == []


def test_the_buttons_scroll_the_row(firefox: Firefox, storefront: Storefront, tag: str) -> None:
    everything = HOME.replace('"4"', '"24"')
    firefox.open(storefront.put("/firefox-row", page(tag, everything)))
    firefox.wait_for("document.querySelectorAll('.vitrina-item').length === 24")
    firefox.evaluate("document.querySelector('.vitrina-next').click()")
    firefox.wait_for("document.querySelector('.vitrina-items').scrollLeft > 300")
    firefox.wait_for("document.querySelector('.vitrina-previous').ariaDisabled === 'false'")


def test_what_is_seen_and_done_is_told_and_accepted(
    firefox: Firefox, storefront: Storefront, tag: str, shop: Shop
) -> None:
    firefox.open(storefront.put("/firefox-told", page(tag, HOME + PRODUCT)))
    firefox.wait_for(FILLED)
    firefox.wait_for("told.some(one => one.type === 'view_item_list') && told.some(one => one.type === 'view_item')")
    assert told(firefox, "view_item") == ["SKU-1"]
    assert firefox.evaluate("vitrina.track('add_to_cart', { item_id: 'SKU-2' })") is True
    [cart] = firefox.evaluate("told.filter(one => one.type === 'add_to_cart')")
    assert shop.track(**cart)["duplicates"] == 1
    assert firefox.evaluate("complaints") == []


def test_without_consent_nothing_is_kept_or_told(firefox: Firefox, storefront: Storefront, tag: str) -> None:
    denied = tag.replace("data-key", 'data-consent="denied" data-key')
    firefox.open(storefront.put("/firefox-denied", page(denied, HOME + PRODUCT)))
    firefox.wait_for(FILLED)
    firefox.evaluate("vitrina.track('add_to_cart', { item_id: 'SKU-2' })")
    firefox.evaluate("new Promise(done => setTimeout(done, 1500))")
    assert firefox.evaluate("told") == []
    assert firefox.evaluate("localStorage.length + sessionStorage.length + document.cookie") == "0"
    assert not [request for request in firefox.requests if "/v1/events" in request]


def test_a_single_page_shop_tells_each_page(firefox: Firefox, storefront: Storefront, tag: str) -> None:
    firefox.open(storefront.put("/firefox-single", page(tag, f"<div id=app>{PRODUCT}</div>")))
    firefox.wait_for("told.some(one => one.type === 'view_item')")
    another = '{"@type": "Product", "sku": "SKU-2"}'
    firefox.evaluate(f"document.querySelector('#app script').textContent = '{another}'")
    firefox.evaluate("history.pushState({}, '', '/firefox-single/2')")
    firefox.wait_for("told.filter(one => one.type === 'view_item').length === 2")
    assert told(firefox, "view_item") == ["SKU-1", "SKU-2"]


def test_what_the_server_drew_is_taken_over(firefox: Firefox, storefront: Storefront, tag: str, shop: Shop) -> None:
    drawn = shop.http.get("/v1/recommendations.html", params={"key": shop.publishable, "limit": "4"}).text
    firefox.open(storefront.put("/firefox-drawn", page(tag, drawn)))
    firefox.wait_for("told.some(one => one.type === 'view_item_list')")
    assert not [request for request in firefox.requests if "/recommendations/" in request]
