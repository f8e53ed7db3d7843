"""A small demo shop on a real database, and a browser without scripts that walks through its pages."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from types import SimpleNamespace

import httpx
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette

from server.catalog import items
from server.catalog.fields import ItemFields
from server.catalog.search import Search
from server.demo import pages, state
from server.demo.state import DemoShop
from server.serving.shelf import Shelf
from server.settings import Settings
from server.shops.models import Shop

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}'
GOODS = [
    {"item_id": "hoodie", "title": "Warm hoodie", "price": 60.0, "sale_price": 45.0, "categories": ["Men > Tops"]}
    | {"image_url": "https://cdn.example/red.jpg"},
    {"item_id": "hoodie-red", "group_id": "hoodie", "title": "Warm hoodie, red", "price": 60.0, "sale_price": 45.0}
    | {"attributes": {"color": "Red"}, "image_url": "https://cdn.example/red.jpg", "categories": ["Men > Tops"]},
    {"item_id": "hoodie-blue", "group_id": "hoodie", "title": "Warm hoodie, blue", "price": 60.0}
    | {"attributes": {"color": "Blue"}, "image_url": "https://cdn.example/blue.jpg", "categories": ["Men > Tops"]},
    {"item_id": "shorts", "title": "Running shorts", "price": 30.0, "categories": ["Men > Bottoms", "Sale"]},
    {"item_id": "tank", "title": "Yoga tank", "price": 25.5, "categories": ["Women > Tops"]},
    {"item_id": "gone", "title": "Old cap", "price": 9.0, "availability": "out_of_stock", "categories": ["Gear"]},
    {"item_id": "kit", "title": "Whole kit", "categories": ["Gear"]},
    {"item_id": "a/b ü?", "title": HOSTILE, "description": HOSTILE, "price": 1.0, "categories": [HOSTILE]}
    | {"attributes": {"material": [HOSTILE], "note": "<b>"}},
]


@dataclass
class Walk:
    """A visitor without scripts: cookies are kept, redirects followed."""

    http: httpx.AsyncClient
    home: str

    async def get(self, path: str = "") -> httpx.Response:
        """Open a page of the shop."""
        return await self.http.get(f"{self.home}{path}")

    async def post(self, path: str, **form: str) -> httpx.Response:
        """Send a form of the shop."""
        return await self.http.post(f"{self.home}{path}", data=form)

    async def words(self, path: str = "") -> str:
        """What a page says, without its tags."""
        return words(await self.get(path))


def words(page: httpx.Response) -> str:
    """What a page says, without its tags."""
    body = page.text[page.text.index("<body") :]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.fixture
def services(settings: Settings) -> SimpleNamespace:
    """What the pages take from the application."""
    return SimpleNamespace(settings=settings, shelf=Shelf(settings), search=Search())


@pytest.fixture
async def http(services: SimpleNamespace, db: None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the demo's pages."""
    app = Starlette(routes=pages.routes())
    app.router.redirect_slashes = False
    app.state.services = services
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina", follow_redirects=True) as client:
        yield client


@pytest.fixture
async def goods(settings: Settings, shop: Shop, redis: Redis) -> Shop:
    """The demo shop `gift-shop` with its goods."""
    await items.upsert(shop, [ItemFields(**fields) for fields in GOODS], redis)
    state.save(settings, DemoShop(shop.id, "gift-shop", "Gift shop", "vpk_" + "k" * 32, "vsk_" + "s" * 32, loaded=True))
    return shop


@pytest.fixture
async def walk(http: httpx.AsyncClient, goods: Shop) -> Walk:
    """A visitor of the demo shop."""
    return Walk(http, "/demo/gift-shop")
