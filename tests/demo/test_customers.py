"""Signing in as one of the shop's real customers, told apart by how much they ordered."""

import pytest

from server.demo.customers import Customers
from server.events.models import Event
from server.shops.models import Shop
from tests.demo.conftest import Walk


async def order(shop: Shop, shopper_id: str, orders: int) -> None:
    for number in range(orders):
        for position, item_id in enumerate(("tank", "shorts")):
            await Event.create(
                shop=shop,
                event_id=f"{shopper_id}-{number}-{position}",
                position=0,
                type="purchase",
                time_ms=1_300_000_000_000 + number * 1000,
                shopper_id=shopper_id,
                item_id=item_id,
                transaction_id=f"{shopper_id}-{number}",
            )


@pytest.fixture
async def customers(goods: Shop) -> Shop:
    """The demo shop with customers that placed 5, 2 and 1 orders, and one that a visitor made up."""
    for shopper_id, orders in (("17850", 5), ("12748", 2), ("14911", 1), ("new-00ff", 9)):
        await order(goods, shopper_id, orders)
    return goods


async def test_customers_come_by_orders_not_by_lines_of_an_order(customers: Shop) -> None:
    circles = await Customers().of(customers)
    offered = {one.shopper_id: one.orders for circle in circles for one in circle.customers}
    assert offered == {"17850": 5, "12748": 2, "14911": 1}
    assert set(circles[0].customers[0].last_bought) == {"shorts", "tank"}
    assert [circle.title for circle in circles] == ["Most orders", "One order"]


async def test_a_visitor_becomes_a_customer_and_leaves_again(walk: Walk, customers: Shop) -> None:
    assert "Customer 17850 5 orders Last bought: " in await walk.words("/account")
    await walk.post("/cart", item_id="tank")
    page = await walk.post("/account", shopper_id="17850")
    assert 'data-shopper="17850"' in page.text
    assert "Customer 17850, 5 orders" in await walk.words()
    assert "Your cart is empty" in await walk.words("/cart"), "it was the guest's"
    page = await walk.post("/account", shopper_id="")
    assert 'data-shopper=""' in page.text


async def test_only_customers_on_offer_can_be_chosen(walk: Walk, customers: Shop) -> None:
    assert (await walk.post("/account", shopper_id="somebody")).status_code == 400


async def test_a_shop_without_purchases_offers_a_guest_and_somebody_new(walk: Walk) -> None:
    said = await walk.words("/account")
    assert "Nobody has bought in this shop yet" in said and "Guest" in said and "New customer" in said
    page = await walk.post("/account", shopper_id="new")
    assert 'data-shopper="new-' in page.text
