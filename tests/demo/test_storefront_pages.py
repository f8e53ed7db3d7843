"""The demo storefront's pages, as a browser without scripts meets them."""

import re
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from redis.asyncio import Redis

from server.catalog import items
from server.catalog.fields import ItemFields
from server.demo import departments, tiles
from server.demo.assortment import Assortments
from server.demo.rendering import money, paragraphs
from server.settings import Settings
from server.shops.models import Shop
from tests.demo.conftest import HOSTILE, Walk, words

PLACEMENTS = {
    "": "home",
    "/products/tank": "product-page",
    "/cart": "cart",
    "/categories/men": "category",
    "/search?q=zzzzzz": "search-empty",
}


async def test_without_shops_the_door_says_how_to_load_them(http: httpx.AsyncClient) -> None:
    page = await http.get("/demo")
    assert page.status_code == 200
    assert "vitrina-server demo" in words(page)
    assert (await http.get("/demo/luma")).status_code == 404


async def test_the_door_leads_to_each_shop(http: httpx.AsyncClient, goods: Shop) -> None:
    page = await http.get("/demo/")
    assert 'href="/demo/gift-shop"' in page.text
    assert "6 products" in words(page)


@pytest.mark.parametrize(("path", "placement"), PLACEMENTS.items())
async def test_the_widget_stands_in_every_usual_place(walk: Walk, path: str, placement: str) -> None:
    page = await walk.get(path)
    assert page.status_code == 200
    assert f'<vitrina-recommendations class="advice" placement="{placement}"' in page.text
    assert f'data-key="vpk_{"k" * 32}"' in page.text
    assert "vsk_" not in page.text


async def test_every_page_forbids_foreign_scripts_and_framing(walk: Walk) -> None:
    for path in ["", "/all", "/products/tank", "/cart", "/likes", "/account", "/nothing-here", "/search"]:
        page = await walk.get(path)
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "private, no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.text), "no script stands in the page itself"
        assert not re.search(r'<[^>]*\s(?:style|on\w+)="', page.text)
        own = re.findall(r'(?:src|href)="([^"]*)"', page.text)
        assert all(address.startswith(("/", "#", "?", "https://cdn.example/")) for address in own), own


async def test_hostile_text_stays_text(walk: Walk) -> None:
    for path in ["", "/all", "/products/a%2Fb%20%C3%BC%3F", "/search?q=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"]:
        page = await walk.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    assert HOSTILE in await walk.words("/products/a%2Fb%20%C3%BC%3F")


async def test_the_grid_shows_a_product_once_whatever_its_colours(walk: Walk) -> None:
    page = await walk.get("/all")
    assert page.text.count('class="card-link"') == 6
    assert "2 colours" in words(page)
    assert "€45.00" in words(page) and "€60.00" in words(page)


async def test_categories_lead_down_and_back_up(walk: Walk) -> None:
    men = await walk.get("/categories/men")
    assert "Warm hoodie" in men.text and "Running shorts" in men.text and "Yoga tank" not in men.text
    assert 'href="/demo/gift-shop/categories/men/tops"' in men.text
    tops = await walk.get("/categories/men/tops")
    assert "Running shorts" not in tops.text
    assert 'href="/demo/gift-shop/categories/men"' in tops.text
    assert 'category="Men &gt; Tops"' in tops.text


async def test_a_colour_can_be_chosen_and_is_what_goes_into_the_cart(walk: Walk) -> None:
    page = await walk.get("/products/hoodie-blue")
    assert "https://cdn.example/blue.jpg" in page.text
    assert 'name="item_id" value="hoodie-blue"' in page.text
    parent = await walk.get("/products/hoodie")
    assert 'name="item_id" value="hoodie-red"' in parent.text, "the colour that its picture shows"


async def test_what_is_sold_out_or_has_no_price_cannot_be_bought(walk: Walk) -> None:
    assert "Add to cart" not in await walk.words("/products/gone")
    assert "Add to cart" not in await walk.words("/products/kit")
    assert (await walk.post("/cart", item_id="gone")).status_code == 400
    assert "Your cart is empty" in await walk.words("/cart")


async def test_buying_works_without_a_script(walk: Walk) -> None:
    page = await walk.post("/cart", item_id="tank", add="2", next="/demo/gift-shop/cart")
    assert page.url.path == "/demo/gift-shop/cart"
    assert "€51.00" in words(page)
    await walk.post("/cart", item_id="shorts")
    page = await walk.post("/cart", item_id="tank", quantity="1")
    assert "€55.50" in words(page)
    assert 'item-ids="tank,shorts"' in page.text
    assert "pretend checkout" in await walk.words("/checkout")
    page = await walk.post("/checkout")
    assert page.url.path == "/demo/gift-shop/order"
    assert 'placement="order-confirmation"' in page.text and 'item-ids="tank,shorts"' in page.text
    assert "Nothing was paid" in words(page)
    assert "Your cart is empty" in await walk.words("/cart")


async def test_an_order_is_reported_once_however_often_its_page_is_seen(walk: Walk) -> None:
    await walk.post("/cart", item_id="tank", add="2")
    first, second = await walk.post("/checkout"), await walk.get("/order")
    told = [re.search(r'data-events="([^"]*)"', page.text) for page in (first, second)]
    assert told[0] and told[1] and told[0][1] == told[1][1]
    for part in ("purchase", "transaction_id", "event_id", "tank"):
        assert part in told[0][1]


async def test_without_an_order_there_is_no_confirmation(walk: Walk) -> None:
    assert (await walk.get("/order")).status_code == 404
    assert (await walk.post("/checkout")).url.path == "/demo/gift-shop/cart"


async def test_taking_out_of_the_cart(walk: Walk) -> None:
    await walk.post("/cart", item_id="tank")
    assert "Your cart is empty" in words(await walk.post("/cart", item_id="tank", quantity="0"))


async def test_likes_come_and_go(walk: Walk) -> None:
    page = await walk.post("/likes", item_id="hoodie-red", liked="1", next="/demo/gift-shop/likes")
    assert "Warm hoodie" in words(page)
    assert 'aria-pressed="true"' in page.text
    page = await walk.post("/likes", item_id="hoodie", liked="0", next="/demo/gift-shop/likes")
    assert "not liked anything yet" in words(page)


async def test_the_script_gets_figures_instead_of_a_page(walk: Walk) -> None:
    answer = await walk.http.post(
        f"{walk.home}/cart", data={"item_id": "tank", "add": "3"}, headers={"Accept": "application/json"}
    )
    assert answer.json() == {"message": "Yoga tank is in your cart.", "pieces": 3, "likes": 0}


async def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(walk: Walk) -> None:
    for scheme, secure in (("https", True), ("http", False)):
        address = f"{scheme}://vitrina.test{walk.home}/theme"
        answer = await walk.http.post(address, data={"theme": "dark", "next": ""}, follow_redirects=False)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert ("; secure" in cookie) is secure


async def test_forms_lead_nowhere_else(walk: Walk) -> None:
    for away in [
        "https://evil.example/",
        "//evil.example",
        "/demo/gift-shop/..\\x",
        "/demo/gift-shopping",
        "/v1/items",
    ]:
        answer = await walk.http.post(
            f"{walk.home}/likes", data={"item_id": "tank", "next": away}, follow_redirects=False
        )
        assert answer.headers["location"] == "/demo/gift-shop"


async def test_forms_of_other_sites_change_nothing(walk: Walk) -> None:
    answer = await walk.http.post(
        f"{walk.home}/cart", data={"item_id": "tank"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 400
    assert "Your cart is empty" in await walk.words("/cart")


async def test_unreadable_and_endless_forms_are_refused(walk: Walk) -> None:
    for body in (b"item_id=" + b"x" * 20_000, b"\xff\xfe=1", b"&".join(b"a%d=1" % n for n in range(50))):
        assert (await walk.http.post(f"{walk.home}/cart", content=body)).status_code == 400
    assert (await walk.post("/cart", item_id="unknown")).status_code == 404
    assert (await walk.post("/cart", item_id="tank", add="-5")).status_code == 200


async def test_search_finds_and_forgives(walk: Walk) -> None:
    assert "Yoga tank" in await walk.words("/search?q=yog")
    assert "Warm hoodie" in await walk.words("/search?q=hoodei")
    assert "1 product" in await walk.words("/search?q=shorts")
    assert "Nothing in the shop goes by “zzzzzz”" in await walk.words("/search?q=zzzzzz")


async def test_lost_visitors_stay_in_the_shop(walk: Walk) -> None:
    for path in ["/nowhere", "/products/unknown", "/categories/unknown", "/a/b/c"]:
        page = await walk.get(path)
        assert page.status_code == 404
        assert "Not here" in words(page) and 'placement="home"' in page.text
    assert (await walk.get("/")).url.path == "/demo/gift-shop"
    assert (await walk.http.get("/demo/unknown-shop")).status_code == 404


async def test_the_theme_is_kept(walk: Walk) -> None:
    page = await walk.post("/theme", theme="dark", next="/demo/gift-shop/likes")
    assert 'data-theme="dark"' in page.text and page.url.path == "/demo/gift-shop/likes"
    assert 'data-theme="dark"' in (await walk.http.get("/demo")).text


async def test_a_change_of_the_catalog_shows(
    walk: Walk, goods: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.demo.assortment._STALE_AFTER_S", 0.0)
    assert "New sock" not in await walk.words("/all")
    await items.upsert(goods, [ItemFields(item_id="sock", title="New sock", price=3.0)], redis)
    assert "New sock" in await walk.words("/all")
    await items.delete(goods, ["sock"], redis)
    assert "New sock" not in await walk.words("/all")
    assert (await walk.get("/products/sock")).status_code == 404


async def test_a_shop_without_categories_gets_departments(
    walk: Walk, goods: Shop, redis: Redis, services: SimpleNamespace
) -> None:
    await items.delete(goods, [item.item_id for item in await goods.items.all()], redis)
    titles = {"m": "RED RETROSPOT MUG", "c": "CHRISTMAS TREE CARD", "x": "Unheard-of widget"}
    await items.upsert(goods, [ItemFields(item_id=key, title=title) for key, title in titles.items()], redis)
    assortment = await Assortments().of(goods.id, services.shelf)
    assert assortment
    assert {category.name for category in assortment.root.children} == {"Kitchen", "Christmas", departments.OTHERS}
    assert assortment.root.children[-1].name == departments.OTHERS


async def test_photographs_are_kept_and_nothing_beside_them_is_given_out(http: httpx.AsyncClient) -> None:
    name = next((Path(tiles.__file__).parent / "data" / "luma" / "images").iterdir()).name
    picture = await http.get(f"/demo/luma/images/{name}")
    assert picture.headers["content-type"] == "image/jpeg"
    assert "max-age=604800" in picture.headers["cache-control"]
    for path in ("../products.csv", "%2e%2e/products.csv", "..%2fproducts.csv", "/etc/passwd", ""):
        assert (await http.get(f"/demo/luma/images/{path}")).status_code == 404


async def test_styles_and_scripts_are_kept_as_long_as_their_address_stays(walk: Walk) -> None:
    page = await walk.get()
    marked = re.findall(r'"(/demo/static/[^"]*\?v=[^"]*)"', page.text)
    assert len(marked) >= 4
    for address in marked:
        answer = await walk.http.get(address.partition("#")[0])
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await walk.http.get("/demo/static/suggest.js")).headers["cache-control"] == "no-cache"


async def test_a_damaged_memory_of_the_demo_is_no_shop(http: httpx.AsyncClient, settings: Settings) -> None:
    (settings.folder / "demo.json").write_text("{")
    assert "vitrina-server demo" in words(await http.get("/demo"))


def test_prices_are_written_as_the_shops_customers_write_them() -> None:
    assert money(0.85, "GBP", "en-GB") == "£0.85"
    assert money(1299.0, "USD", "en_US") == "$1,299.00"
    assert money(19.9, "EUR", "de-DE").replace("\xa0", " ") == "19,90 €"
    assert money(5.0, "EUR", "no such locale") == "€5.00"
    assert money(None, "EUR", "en") == ""


def test_bullets_that_ran_together_are_lines_again() -> None:
    assert paragraphs("A bag. - Dual handles. - Zip.") == ["A bag.", "- Dual handles.", "- Zip."]
    assert paragraphs("It fits well - mostly.") == ["It fits well - mostly."]


def test_a_product_always_comes_in_the_same_paper() -> None:
    assert tiles.paper_of("PINK HEART MUG") == tiles.Paper("rose", "hearts")
    assert tiles.paper_of("Thing") == tiles.paper_of("Thing")
