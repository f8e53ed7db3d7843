"""The same shop page with Vitrina's lists, with those of Algolia's library, and with none.

Both libraries get the same products: those that a running Vitrina answered for the page just before.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.widget.measuring import OBSERVE
from tests.journeys.installation import Installation, Shop
from tests.widget.storefront import LIGHT, ROOM, Storefront, page

ROOT = Path(__file__).parents[2]
ALGOLIA = Path(__file__).parent / "algolia"
LIBRARIES = ("recommend/dist/recommend.umd.js", "recommend-js/dist/umd/index.js")
SCRIPT = "text/javascript; charset=utf-8"
ITEMS = 200
QUESTIONS = [
    {"placement": "product-page", "item_id": ["SKU-1"], "limit": 8},
    {"placement": "home", "limit": 8},
    {"placement": "cart", "item_id": ["SKU-2", "SKU-3"], "limit": 8},
]
VITRINA = (
    '<vitrina-recommendations placement="product-page" item-id="SKU-1"><i></i></vitrina-recommendations><p>Between</p>'
    '<vitrina-recommendations placement="home"><i></i></vitrina-recommendations>'
    '<vitrina-recommendations placement="cart" item-ids="SKU-2,SKU-3"><i></i></vitrina-recommendations>'
)
CONTAINERS = '<div data-item="0"></div><p>Between</p><div data-item="1"></div><div data-item="2"></div>'
ROW = ".auc-Recommend-list{display:flex;gap:1em;overflow:auto;padding:0;list-style:none}.card span{display:block}"


def with_vitrina(storefront: Storefront, shop: Shop) -> str:
    """The address of the page; script and answers come from the shop's own web server, as Algolia's do."""
    answer = shop.http.post("/v1/recommendations/batch", params={"key": shop.publishable}, json={"requests": QUESTIONS})
    answer.raise_for_status()
    storefront.answers["/v1/recommendations/batch"] = lambda _asked: answer.content
    storefront.answers["/v1/events"] = lambda _told: b'{"accepted": 1, "duplicates": 0, "rejected": []}'
    storefront.put("/v1.js", vitrina_script().decode(), Content_Type=SCRIPT)
    return storefront.put("/vitrina", _page(f"{storefront.address}/v1.js", shop))


def with_vitrina_server(storefront: Storefront, shop: Shop) -> str:
    """The address of the page whose script and answers come from the running server."""
    return storefront.put("/served", _page(f"{shop.http.base_url}/widget/v1.js", shop))


def with_algolia(storefront: Storefront) -> str:
    """The address of the page; its API's answers hold the products of Vitrina's, see `with_vitrina`."""
    lists = json.loads(storefront.answers["/v1/recommendations/batch"](b""))["responses"]

    def hits(asked: bytes) -> bytes:
        wanted = [lists[int(one["objectID"])]["items"] for one in json.loads(asked)["requests"]]
        return json.dumps(
            {"results": [{"hits": [{"objectID": i["item_id"], **i} for i in one]} for one in wanted]}
        ).encode()

    storefront.answers["/1/indexes/*/recommendations"] = hits
    script = algolia_script() + b"\n" + (ALGOLIA / "page.js").read_bytes()
    storefront.put("/algolia.js", script.decode(), Content_Type=SCRIPT)
    tag = f'<style>{ROW}</style><script defer src="{storefront.address}/algolia.js"></script>'
    return storefront.put("/algolia", page(tag, CONTAINERS, head=OBSERVE))


def with_nothing(storefront: Storefront) -> str:
    """The address of the bare page."""
    return storefront.put("/nothing", page("", "<p>Between</p>", head=OBSERVE))


def vitrina_script() -> bytes:
    """The widget as its build left it."""
    return (ROOT / "server" / "widget" / "v1.js").read_bytes()


def algolia_script() -> bytes:
    """Algolia's library for pages, as published: the client and the lists; fetched by npm where it is not there yet."""
    modules = ALGOLIA / "node_modules" / "@algolia"
    if not modules.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=ALGOLIA, check=True)
    return b"\n".join((modules / name).read_bytes() for name in LIBRARIES)


def open_shop(installation: Installation) -> Shop:
    """A shop with all items."""
    shop = installation.new_shop("Benchmark", currency="EUR")
    items: list[dict[str, Any]] = [
        {
            "item_id": f"SKU-{number}",
            "title": f"Linen shirt no. {number}",
            "url": f"/p/{number}",
            "image_url": f"/images/{number}.png",
            "price": 10 + number,
        }
        for number in range(1, ITEMS + 1)
    ]
    answer = shop.http.post("/v1/items/batch", json={"items": items}, headers=shop.headers)
    answer.raise_for_status()
    shop.wait_for_all()
    return shop


def _page(script: str, shop: Shop) -> str:
    """A page that keeps the room for its lists until the script has come, as the widget's README tells shops to."""
    tag = f'<script async src="{script}" data-key="{shop.publishable}"></script>'
    return page(tag, VITRINA, styles=LIGHT + ROOM, head=OBSERVE)
