"""What the widget tells of a shop's pages without a line of code, what it keeps, and what it leaves alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.installation import Shop
from tests.widget.conftest import Visit
from tests.widget.storefront import Storefront, page
from tests.widget.test_widget_tracking import Sent

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOME = '<vitrina-recommendations placement="home" limit="4"></vitrina-recommendations>'
PRODUCT = '<script type="application/ld+json">{"@type": "Product", "sku": "SKU-1"}</script>'
Visiting = Callable[..., Visit]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def visitor(visit: Visiting, sent: Sent) -> Visit:
    visitor = visit("about:blank")
    visitor.page.on("request", sent.note)
    return visitor


def stored(visitor: Visit) -> list[str]:
    return visitor.page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage), document.cookie]")


def test_a_product_page_tells_its_view_once(storefront: Storefront, tag: str, visitor: Visit, sent: Sent) -> None:
    also = "<script>window.dataLayer = [{event: 'view_item', ecommerce: {items: [{item_id: 'SKU-1'}]}}]</script>"
    visitor.page.goto(storefront.put("/product", page(tag, HOME + PRODUCT, head=also)))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(700)
    assert [event["items"] for event in sent.of("view_item")] == [[{"item_id": "SKU-1"}]]
    visitor.page.goto(storefront.put("/product-2", page(tag, HOME + PRODUCT)))
    visitor.page.wait_for_timeout(700)
    assert len(sent.of("view_item")) == 2, "another page is another view"


def test_a_block_without_an_id_goes_by_the_page(storefront: Storefront, tag: str, visitor: Visit) -> None:
    block = '<vitrina-recommendations placement="product-page"></vitrina-recommendations>'
    with visitor.page.expect_request("**/recommendations/batch*") as asked:
        visitor.page.goto(storefront.put("/block", page(tag, PRODUCT + block)))
    assert json.loads(asked.value.post_data or "")["requests"][0]["item_id"] == ["SKU-1"]


@pytest.mark.parametrize("browsers", ["of today", "without the Navigation API"])
def test_a_single_page_shop_tells_each_page(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent, browsers: str
) -> None:
    if browsers != "of today":
        visitor.page.add_init_script("Object.defineProperty(window, 'navigation', { value: undefined })")
    visitor.page.goto(storefront.put("/single", page(tag, HOME + f"<div id=app>{PRODUCT}</div>")))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(600)
    with visitor.page.expect_request("**/recommendations/batch*"):
        visitor.page.evaluate(
            "history.pushState({}, '', '/single/2');"
            'document.querySelector("#app script").textContent = \'{"@type": "Product", "sku": "SKU-2"}\''
        )
    visitor.page.wait_for_timeout(1000)
    visitor.page.evaluate("history.replaceState({}, '', '/single/2?variant=7')")
    visitor.page.wait_for_timeout(1000)
    assert [event["item_id"] for event in sent.of("view_item")] == ["SKU-1", "SKU-2"]
    assert visitor.page.evaluate("history.pushState.toString()").endswith("{ [native code] }"), "not ours to wrap"
    assert visitor.complaints == []


def test_nothing_is_lost_while_offline(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent, shop: Shop
) -> None:
    address = storefront.put("/offline", page(tag, "<p>Nothing to see</p>"))
    visitor.page.goto(address)
    visitor.page.wait_for_function("window.vitrina && vitrina.version")
    visitor.page.route("**/v1/events*", lambda route: route.abort())
    visitor.page.evaluate("void vitrina.track('add_to_cart', { item_id: 'SKU-2' })")
    visitor.page.wait_for_timeout(300)
    visitor.page.reload()
    visitor.page.wait_for_timeout(300)
    visitor.page.unroute("**/v1/events*")
    sent.clear()
    with visitor.page.expect_response("**/v1/events*") as answered:
        visitor.page.reload()
    # a beacon of the page that went may have come through: then this one is known already
    assert answered.value.json()["accepted"] + answered.value.json()["duplicates"] == 1
    [event] = sent.of("add_to_cart")
    assert event["age_ms"] > 300
    assert shop.track(**event)["duplicates"] == 1
    visitor.page.wait_for_function("!localStorage.getItem('vitrina_outbox')")
    sent.clear()
    visitor.page.reload()
    visitor.page.wait_for_timeout(500)
    assert sent == [], "what the server has is not sent again"


def test_what_happened_without_a_network_is_told_when_it_is_back(
    storefront: Storefront, tag: str, visitor: Visit
) -> None:
    visitor.page.goto(storefront.put("/tunnel", page(tag, "<p>Nothing to see</p>")))
    visitor.page.wait_for_function("window.vitrina && vitrina.version")
    visitor.page.context.set_offline(True)
    visitor.page.evaluate("void vitrina.track('add_to_cart', { item_id: 'SKU-2' })")
    visitor.page.wait_for_timeout(1000)
    with visitor.page.expect_response("**/v1/events*") as answered:
        visitor.page.context.set_offline(False)
    assert answered.value.json()["accepted"] == 1


def test_a_tab_that_dies_while_its_request_flies_loses_nothing(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent
) -> None:
    visitor.page.goto(storefront.put("/killed", page(tag, "<p>Nothing to see</p>")))
    visitor.page.wait_for_function("window.vitrina && vitrina.version")
    visitor.page.route("**/v1/events*", lambda _route: None)  # for ever on its way
    visitor.page.evaluate("void vitrina.track('purchase', { transaction_id: 'T-9', items: [{ item_id: 'SKU-3' }] })")
    visitor.page.wait_for_timeout(200)
    context = visitor.page.context
    visitor.page.close(run_before_unload=False)
    sent.clear()
    again = context.new_page()
    again.on("request", sent.note)
    with again.expect_response("**/v1/events*") as answered:
        again.goto(storefront.address + "/killed")
    assert answered.value.status == 202
    assert [event["transaction_id"] for event in sent.of("purchase")] == ["T-9"]


def test_without_consent_nothing_is_kept_or_told_and_lists_follow_the_tab(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent
) -> None:
    denied = tag.replace("data-key", 'data-consent="denied" data-key')
    asked: list[dict[str, Any]] = []
    visitor.page.on(
        "request",
        lambda request: (
            asked.extend(json.loads(request.post_data or "{}")["requests"]) if "/batch" in request.url else None
        ),
    )
    visitor.page.goto(storefront.put("/denied", page(denied, HOME + PRODUCT)))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(1600)
    before = visitor.titles()
    visitor.page.evaluate("vitrina.track('add_to_wishlist', { item_id: 'SKU-2' })")
    visitor.page.wait_for_timeout(800)
    assert asked[-1]["consent"] == "denied"
    assert asked[-1]["recent_item_id"] == ["SKU-1", "SKU-2"]
    assert not {"shopper_id", "session_id"} & set(asked[-1])
    assert visitor.titles() != before
    assert (sent, stored(visitor)) == ([], [""])
    visitor.page.evaluate("vitrina.consent('granted')")
    assert visitor.page.evaluate("vitrina.track('view_item', { item_id: 'SKU-5' })") is True
    visitor.page.evaluate("vitrina.consent('denied')")
    assert stored(visitor) == [""]


def test_global_privacy_control_is_believed(storefront: Storefront, tag: str, visitor: Visit, sent: Sent) -> None:
    visitor.page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    visitor.page.goto(storefront.put("/gpc", page(tag, HOME + PRODUCT)))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(1600)
    assert (sent, stored(visitor)) == ([], [""])


def test_a_blocked_event_call_never_blanks_a_list(storefront: Storefront, tag: str, visitor: Visit) -> None:
    visitor.page.route("**/v1/events*", lambda route: route.abort())
    visitor.page.goto(storefront.put("/blocked", page(tag, HOME + PRODUCT)))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(1500)
    assert len(visitor.titles()) == 4
    assert [one for one in visitor.complaints if "net::ERR_FAILED" not in one] == [], "the browser's own line only"
