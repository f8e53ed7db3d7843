"""The grid's filters, orders and pages, for any address somebody may type."""

from hypothesis import given
from hypothesis import strategies as st

from server.demo.assortment import Product
from server.demo.listing import PAGE, listing


def product(number: int, price: float | None = 10.0, **fields: object) -> Product:
    facts = {
        "item_id": f"item-{number}",
        "group_id": f"item-{number}",
        "title": f"Thing {number:04}",
        "image_url": "",
        "price": price,
        "sale_price": None,
        "currency": "EUR",
        "available": True,
        "paths": (),
        "tags": (),
        "colours": (),
    }
    return Product(**(facts | fields))


MANY = [product(number, price=float(number)) for number in range(100)]
names = st.sampled_from(["page", "sort", "min", "max", "colour", "stock", "sale", "q", "other"])


@given(st.dictionaries(names, st.text(max_size=20)))
def test_any_query_gets_a_page_that_exists(query: dict[str, str]) -> None:
    page = listing(MANY, query)
    assert 1 <= page.number <= page.pages
    assert len(page.products) <= PAGE
    assert (page.total == 0) == (len(page.products) == 0)
    assert page.address(2).startswith("?")


def test_pages_hold_every_product_once() -> None:
    pages = [listing(MANY, {"page": str(number)}) for number in range(1, 6)]
    assert [product for page in pages for product in page.products] == MANY
    assert pages[4].pages == 5


def test_the_last_page_stands_in_for_those_behind_it() -> None:
    assert listing(MANY, {"page": "999"}).number == 5


def test_steps_show_the_ends_and_the_neighbours() -> None:
    many = MANY * 10
    assert listing(many, {"page": "20"}).steps == [1, 0, 19, 20, 21, 0, 42]
    assert listing(many, {"page": "3"}).steps == [1, 2, 3, 4, 0, 42]
    assert listing(MANY[:5], {}).steps == [1]


def test_filters_by_price_colour_stock_and_sale() -> None:
    goods = [
        product(1, price=5.0),
        product(2, price=50.0, sale_price=4.0),
        product(3, price=20.0, colours=("Red",), available=False),
        product(4, price=None),
    ]

    def left(**query: str) -> list[str]:
        return [product.item_id for product in listing(goods, query).products]

    assert left(min="4.5") == ["item-1", "item-3"]
    assert left(max="5") == ["item-1", "item-2"]
    assert left(max="4,5") == ["item-2"]
    assert left(colour="Red") == ["item-3"]
    assert left(sale="1") == ["item-2"]
    assert left(stock="1") == ["item-1", "item-2", "item-4"]
    assert left(min="cheap") == [product.item_id for product in goods]


def test_orders_by_what_is_paid_today() -> None:
    goods = [product(1, price=5.0), product(2, price=50.0, sale_price=4.0), product(3, price=None)]
    assert [one.item_id for one in listing(goods, {"sort": "price"}).products] == ["item-2", "item-1", "item-3"]
    assert listing(goods, {"sort": "price-down"}).products[0].item_id == "item-1"
