"""What the widget tells Vitrina, and what shoppers notice of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Request

from tests.journeys.installation import Shop
from tests.widget.conftest import ITEMS, Visit
from tests.widget.storefront import Storefront, page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOME = '<vitrina-recommendations placement="home" limit="8"></vitrina-recommendations>'
Visiting = Callable[..., Visit]


class Sent(list[dict[str, Any]]):
    """The events that a page sent."""

    def note(self, request: Request) -> None:
        if "/v1/events" in request.url and request.method == "POST":
            self += json.loads(request.post_data or "{}").get("events", [])

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self if event["type"] == kind]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def visitor(storefront: Storefront, tag: str, visit: Visiting, sent: Sent) -> Visit:
    visitor = visit("about:blank")
    visitor.page.on("request", sent.note)
    for number in range(1, len(ITEMS) + 1):
        storefront.put(f"/p/{number}", page("", "One product"))
    visitor.page.goto(storefront.put("/tracking", page(tag, HOME)))
    visitor.wait_for_lists()
    return visitor


def test_an_event_resolves_once_the_server_has_it(visitor: Visit, sent: Sent, shop: Shop) -> None:
    assert visitor.page.evaluate("vitrina.track('view_item', { item_id: 'SKU-2' })") is True
    again = shop.track(**sent.of("view_item")[0])
    assert again["duplicates"] == 1, "the server knows this event already"


def test_a_refused_event_resolves_to_false_quietly(visitor: Visit) -> None:
    assert visitor.page.evaluate("vitrina.track('no such type', { item_id: 'SKU-2' })") is False
    assert visitor.complaints == []


def test_a_like_renews_the_list_and_says_why(visitor: Visit) -> None:
    before = visitor.titles()
    place = visitor.box("vitrina-recommendations")
    liked = "vitrina.track('add_to_wishlist', { items: [{ item_id: 'SKU-2' }] })"
    loaded = "new Promise(done => addEventListener('vitrina:load', event => done(event.detail), { once: true }))"
    accepted, detail = visitor.page.evaluate(f"Promise.all([{liked}, {loaded}])")
    assert accepted is True
    assert detail["recommendation_id"].startswith("rec_")
    assert visitor.titles() != before
    reasons = visitor.page.locator(".vitrina-reason").all_text_contents()
    assert any("Linen trousers" in reason for reason in reasons)
    assert visitor.box("vitrina-recommendations") == place


def test_a_click_is_told_before_the_page_goes(visitor: Visit, sent: Sent, shop: Shop) -> None:
    title = visitor.titles()[1]
    with visitor.page.expect_navigation():
        visitor.page.get_by_role("link", name=title, exact=True).click()
    [click] = sent.of("select_item")
    assert click["item_list_id"] == "home"
    assert click["recommendation_id"].startswith("rec_")
    assert [item["index"] for item in click["items"]] == [1]
    visitor.page.wait_for_timeout(1000)  # the request outlives its page
    assert shop.track(**click)["duplicates"] == 1


def test_only_what_was_seen_for_a_second_counts_as_seen(visitor: Visit, sent: Sent) -> None:
    assert sent.of("view_item_list") == []
    visitor.page.wait_for_timeout(1600)
    in_view = [item["index"] for event in sent.of("view_item_list") for item in event["items"]]
    assert in_view == list(range(len(in_view)))
    assert 0 < len(in_view) < 8, "cards that are scrolled out were not seen"
    visitor.scroll_to_end()
    visitor.page.wait_for_timeout(1600)
    seen = [item["index"] for event in sent.of("view_item_list") for item in event["items"]]
    assert sorted(seen) == list(range(8)), "each is counted, and counted once"
    assert len({event["recommendation_id"] for event in sent.of("view_item_list")}) == 1


def test_calls_made_before_the_script_came_are_made_up_for(
    storefront: Storefront, tag: str, visit: Visiting, sent: Sent
) -> None:
    early = (
        "<script>window.vitrina = window.vitrina || [];"
        "vitrina.push(['identify', 'customer-7']); vitrina.push(['track', 'view_item', { item_id: 'SKU-3' }])</script>"
    )
    visitor = visit("about:blank")
    visitor.page.on("request", sent.note)
    with visitor.page.expect_request("**/v1/recommendations/batch*") as asked:
        visitor.page.goto(storefront.put("/early", page(tag, HOME, head=early)))
    visitor.wait_for_lists()
    assert sent.of("view_item")[0]["shopper_id"] == "customer-7"
    assert json.loads(asked.value.post_data or "")["requests"][0]["shopper_id"] == "customer-7"


def test_what_a_guest_did_counts_for_the_shopper_from_the_next_list_on(visitor: Visit, sent: Sent, shop: Shop) -> None:
    named = "Because you looked at Denim jacket"
    visitor.page.evaluate("vitrina.track('view_item', { item_id: 'SKU-13' })")
    guest = sent.of("view_item")[0]["shopper_id"]
    with visitor.page.expect_response("**/v1/recommendations/batch*") as answered:
        visitor.page.evaluate("vitrina.identify('customer-joined')")
    [answer] = answered.value.json()["responses"]
    assert named in {item["reason"]["text"] for item in answer["items"]}, "before any event has told it"
    visitor.page.evaluate("vitrina.track('view_cart')")
    for _ in range(50):  # on every other device of theirs as well, within moments
        elsewhere = shop.recommend(placement="home", shopper_id="customer-joined")
        if named in {item["reason"]["text"] for item in elsewhere["items"]}:
            break
        visitor.page.wait_for_timeout(100)
    assert named in {item["reason"]["text"] for item in elsewhere["items"]}
    assert shop.http.get(f"/v1/shoppers/{guest}", headers=shop.headers).status_code == 404

    # who comes next in this browser is somebody else, and what a page claims of strangers' ids moves nothing
    visitor.page.evaluate("vitrina.identify('customer-next')")
    visitor.page.evaluate("vitrina.track('begin_checkout')")
    assert "anonymous_id" not in sent.of("begin_checkout")[0]
    claims = "claimed => vitrina.track('view_cart', { shopper_id: 'thief', anonymous_id: claimed })"
    for claimed in ("customer-joined", guest, "customer-next"):
        assert visitor.page.evaluate(claims, claimed) is True
    visitor.page.wait_for_timeout(500)
    kept = shop.http.get("/v1/shoppers/customer-joined", headers=shop.headers).json()
    assert {event["item_id"] for event in kept["data"]} >= {"SKU-13"}
    thief = shop.http.get("/v1/shoppers/thief", headers=shop.headers).json()
    assert {event["type"] for event in thief["data"]} == {"view_cart"}


def test_a_shopper_is_the_same_on_the_next_page(visitor: Visit, sent: Sent) -> None:
    visitor.page.evaluate("vitrina.track('view_cart')")
    visitor.page.reload()
    visitor.wait_for_lists()
    visitor.page.evaluate("vitrina.track('view_cart')")
    first, second = sent.of("view_cart")
    assert (first["shopper_id"], first["session_id"]) == (second["shopper_id"], second["session_id"])
    assert first["event_id"] != second["event_id"]
