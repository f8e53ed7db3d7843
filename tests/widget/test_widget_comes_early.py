"""The script comes before what the page has to say: its product, or its shopper's consent."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.widget.conftest import Visit
from tests.widget.storefront import PAUSE, Storefront, page
from tests.widget.test_widget_tracking import Sent

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOME = '<vitrina-recommendations placement="home" limit="4"></vitrina-recommendations>'
OF_PRODUCT = '<vitrina-recommendations placement="product-page"></vitrina-recommendations>'
DENIED = "<script>dataLayer.push(['consent', 'default', { analytics_storage: 'denied' }])</script>"
NAMED = """<script>window.vitrina = window.vitrina || []; vitrina.push(['identify', 'customer-7'])
vitrina.push(['track', 'view_item', { item_id: 'SKU-3' }])</script>"""
WATCH_WRITES = """
  window.writes = [];
  const write = Storage.prototype.setItem;
  Storage.prototype.setItem = function (name, value) { window.writes.push(name); return write.call(this, name, value) };
"""
DRAW = """sku => {
  const old = document.querySelector('script[type="application/ld+json"]') ?? document.createElement('script');
  old.type = 'application/ld+json';
  old.textContent = JSON.stringify({ '@type': 'Product', sku });
  document.head.append(old);
}"""
Visiting = Callable[..., Visit]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def visitor(visit: Visiting, sent: Sent, asked: list[dict[str, Any]]) -> Visit:
    visitor = visit("about:blank")
    visitor.page.on("request", sent.note)
    visitor.page.on(
        "request",
        lambda request: (
            asked.extend(json.loads(request.post_data or "{}")["requests"]) if "/batch" in request.url else None
        ),
    )
    return visitor


def test_a_product_that_is_drawn_late_is_told_once_and_its_list_follows(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent, asked: list[dict[str, Any]]
) -> None:
    visitor.page.goto(storefront.put("/drawn/1", page(tag, OF_PRODUCT)))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(1000)
    assert sent.of("view_item") == []
    visitor.page.evaluate(DRAW, "SKU-1")
    visitor.page.wait_for_timeout(1000)
    assert [event["item_id"] for event in sent.of("view_item")] == ["SKU-1"]
    assert asked[-1]["item_id"] == ["SKU-1"]
    visitor.page.evaluate("history.pushState({}, '', '/drawn/2')")
    visitor.page.wait_for_timeout(1500)
    assert [event["item_id"] for event in sent.of("view_item")] == ["SKU-1"], "what stands there is of the page before"
    visitor.page.evaluate(DRAW, "SKU-2")
    visitor.page.wait_for_timeout(1000)
    assert [event["item_id"] for event in sent.of("view_item")] == ["SKU-1", "SKU-2"]
    assert asked[-1]["item_id"] == ["SKU-2"]


def test_consent_that_the_page_denies_further_down_was_never_taken(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent, asked: list[dict[str, Any]]
) -> None:
    blocking = tag.replace("async ", "")
    visitor.page.add_init_script(WATCH_WRITES)
    below = f"{HOME}<p>More</p>{PAUSE}{DENIED}"
    visitor.page.goto(storefront.put("/below", page(blocking, below, head=NAMED)))
    visitor.wait_for_lists()
    visitor.page.wait_for_timeout(1600)
    assert visitor.page.evaluate("window.writes") == []
    assert sent == []
    assert asked[-1]["consent"] == "denied"


def test_what_an_earlier_visit_left_is_not_sent_before_the_page_has_denied_it(
    storefront: Storefront, tag: str, visitor: Visit, sent: Sent
) -> None:
    visitor.page.goto(storefront.put("/left", page("", "Nothing")))
    kept = [{"event": {"event_id": "left-1", "type": "view_cart"}, "at": visitor.page.evaluate("Date.now()")}]
    visitor.page.evaluate("kept => localStorage.setItem('vitrina_outbox', JSON.stringify(kept))", kept)
    blocking = tag.replace("async ", "")
    visitor.page.goto(storefront.put("/left", page(blocking, f"<p>More</p>{PAUSE}{DENIED}")))
    visitor.page.wait_for_timeout(800)
    assert sent == []
    assert visitor.page.evaluate("localStorage.length") == 0
