"""The demo storefront: every address under `/demo`, and the pages one browses.

`routes()` gives the application its routes. They need the settings, the shelf and the search of
`request.app.state.services`.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from server.demo import account, cart, search, state
from server.demo.assortment import Assortment, Assortments, Category, Product
from server.demo.customers import Customers
from server.demo.details import details_of
from server.demo.listing import ORDERS, listing
from server.demo.looks import doors_of, look_of
from server.demo.pictures import Pictures
from server.demo.rendering import FOLDER, STATIC, render
from server.demo.reviews import reviews_of
from server.demo.storefront import THEMES, Endpoint, Missing, Storefront, entrance, theme_of

_ROW = 12  # products of a row on the first page
_AT_THE_DOOR = 3  # products that show which shop is which


def routes() -> list[BaseRoute]:
    """All routes of the demo, to be mounted at the root."""
    assortments = Assortments()
    enter = entrance(assortments, Customers())
    shop = "/demo/{shop}"
    return [
        Route("/demo", _chooser(assortments)),
        Route("/demo/", _to_the_chooser),
        Mount("/demo/static", Pictures(STATIC)),
        Mount("/demo/luma/images", Pictures(FOLDER / "data" / "luma" / "images")),
        Route(shop, enter(home)),
        Route(f"{shop}/all", enter(everything)),
        Route(f"{shop}/categories/{{address:path}}", enter(category)),
        Route(f"{shop}/products/{{item_id:path}}", enter(product)),
        Route(f"{shop}/search", enter(search.results)),
        Route(f"{shop}/likes", enter(cart.likes), methods=["GET"]),
        Route(f"{shop}/likes", enter(cart.like), methods=["POST"]),
        Route(f"{shop}/cart", enter(cart.show), methods=["GET"]),
        Route(f"{shop}/cart", enter(cart.put), methods=["POST"]),
        Route(f"{shop}/checkout", enter(cart.checkout), methods=["GET"]),
        Route(f"{shop}/checkout", enter(cart.order), methods=["POST"]),
        Route(f"{shop}/order", enter(cart.confirmation)),
        Route(f"{shop}/account", enter(account.choose), methods=["GET"]),
        Route(f"{shop}/account", enter(account.sign_in), methods=["POST"]),
        Route(f"{shop}/theme", enter(theme), methods=["POST"]),
        Route(f"{shop}/{{rest:path}}", enter(nothing), methods=["GET", "POST"]),
    ]


def _chooser(assortments: Assortments) -> Endpoint:
    async def chooser(request: Request) -> Response:
        """The demo shops, or how to load them."""
        services = request.app.state.services
        shops = state.load(services.settings)
        found = await asyncio.gather(*(assortments.of(demo.shop_id, services.shelf) for demo in shops.values()))
        stocked = [
            (demo, there, _covers(there, _AT_THE_DOOR))
            for demo, there in zip(shops.values(), found, strict=True)
            if there
        ]
        return render("chooser.html", {"shops": stocked, "theme": theme_of(request)})

    return chooser


async def _to_the_chooser(_request: Request) -> Response:
    return RedirectResponse("/demo", 308)


async def home(front: Storefront) -> Response:
    """The first page: the shop's face, its categories, a collection."""
    assortment = front.assortment
    covers = _covers(assortment, look_of(front.demo.slug).covers)
    tag, tagged = _collection(front)
    return front.page("home.html", covers=covers, doors=doors_of(assortment.root), tag=tag, collection=tagged)


def _covers(assortment: Assortment, wanted: int) -> list[Product]:
    """Products from all over the shop."""
    covers = [door.category.cover for door in doors_of(assortment.root) if door.category.cover]
    return covers[:: max(1, len(covers) // wanted)][:wanted]


def _collection(front: Storefront) -> tuple[str, list[Product]]:
    products = front.assortment.products
    tags = [tag for product in products for tag in product.tags if "Collection" in tag]
    if tags:
        tag = max(set(tags), key=tags.count)
        return tag, [product for product in products if tag in product.tags][:_ROW]
    priced = [product for product in products if product.to_pay and product.to_pay < 1]
    return "Small things, under one pound", priced[:: max(1, len(priced) // _ROW)][:_ROW]


async def everything(front: Storefront) -> Response:
    """All products."""
    return _grid(front, front.assortment.root, "Everything")


async def category(front: Storefront) -> Response:
    """The products of one category and of those below it."""
    found = front.assortment.categories.get(front.request.path_params["address"].strip("/"))
    if found is None or not found.path:
        raise Missing("This category does not exist, or no longer has products.")
    return _grid(front, found, found.name)


def _grid(front: Storefront, found: Category, title: str) -> Response:
    page = listing(found.products, front.request.query_params)
    # where the shop's catalog has no categories, the first products tell Vitrina what this page is about
    context = [] if front.assortment.has_own_categories else [product.item_id for product in found.products[:5]]
    return front.page(
        "category.html",
        category=found,
        title=title,
        listing=page,
        orders=ORDERS,
        crumbs=front.assortment.crumbs(found.path[:-1]),
        context=context,
        aisle=found.address,
    )


async def product(front: Storefront) -> Response:
    """One product, with one of its colours chosen."""
    item_id = front.request.path_params["item_id"]
    found = front.assortment.by_item.get(item_id)
    details = await details_of(front.assortment.shop, found, item_id) if found else None
    if found is None or details is None:
        raise Missing("This product is not in the shop, or no longer.")
    path = found.paths[0] if found.paths else ()
    reviews = reviews_of(front.demo.slug, found.group_id)
    viewed = {"item_id": details.item_id, "quantity": 1, "price": details.sale_price or details.price}
    payload = {"items": [viewed], "currency": details.currency, "value": viewed["price"]}
    return front.page(
        "product.html",
        product=found,
        details=details,
        reviews=reviews,
        rating=sum(review.rating for review in reviews) / max(1, len(reviews)),
        crumbs=front.assortment.crumbs(path),
        in_cart=front.visit.quantity_of(details.item_id),
        events=[{"type": "view_item", "payload": payload}],
    )


async def theme(front: Storefront) -> Response:
    """Light or dark from now on."""
    chosen = front.form.get("theme", "")
    return front.themed(chosen if chosen in THEMES else THEMES[0], front.form.get("next", ""))


async def nothing(front: Storefront) -> Response:
    """An address that this shop does not have."""
    if not front.request.path_params["rest"]:
        return RedirectResponse(front.home, 308)
    raise Missing("There is no such page in this shop.")
