"""Nothing crosses between shops: every route of the document, called by one shop with another's ids in every place."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from tortoise import Tortoise

from server.access import keys as access_keys
from server.api import openapi
from server.catalog.models import Encoding
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import Tenant
from server.storage import blobs
from tests.conftest import ShopKeys

MARK = "zqtheirs"  # in everything that the other shop has
DOCUMENT = json.loads(openapi.document())
ROUTES = [
    (method.upper(), path, described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
    if described["security"] and {"secret", "publishable"} & {name for one in described["security"] for name in one}
]


def named(route: Any) -> str:
    return f"{route[0]} {route[1]}" if isinstance(route, tuple) else ""


class Theirs:
    """What the other shop has: values by the name of a parameter or field, the cursors of its lists, rows and files."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.cursors: dict[str, str] = {}
        self.rows: dict[str, list[Any]] = {}
        self.files: dict[str, bytes] = {}

    def value(self, name: str) -> str:
        return self.values.get(name, self.values["item_id"])


@pytest.fixture
async def theirs(app: Starlette, settings: Settings, other_shop: Shop, other_keys: ShopKeys) -> AsyncIterator[Theirs]:
    """The other shop, full: items, events, a task with a file and a result, keys, a model, and lists of two pages."""
    found = Theirs()
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {other_keys.secret}", "Idempotency-Key": f"{MARK}-once"}
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test", headers=headers) as owner:
        for number in range(3):
            item = {"title": f"{MARK} shirt {number}", "price": 5, "categories": [MARK], "tags": [MARK], "brand": MARK}
            assert (await owner.put(f"/v1/items/{MARK}-item-{number}", json=item)).status_code in (200, 201)
        events = [
            {"type": kind, "event_id": f"{MARK}-{kind}", "shopper_id": f"{MARK}-anna", "session_id": f"{MARK}-visit",
             "item_id": f"{MARK}-item-0", "transaction_id": f"{MARK}-order", "search_term": MARK}
            for kind in ("view_item", "purchase", "add_to_cart")
        ]  # fmt: skip
        assert (await owner.post("/v1/events", json={"events": events})).json()["accepted"] == 3
        files = {"file": (f"{MARK}.csv", f"id,title\n{MARK}-new,{MARK} hat\n")}
        task = (await owner.post("/v1/imports", files=files)).json()
        for kind in ("train", "encode"):
            await app.state.services.queue.enqueue(other_shop.id, kind, {"note": MARK})
        await other_shop.tasks.filter(id=task["id"]).update(status="failed", error=MARK, result={"note": MARK})
        for number in (1, 2, 3):
            await ModelVersion.create(shop=other_shop, number=40 + number, folder=f"{MARK}", metrics={"note": MARK})
        await Encoding.create(shop=other_shop, encoder=MARK, content_hash=MARK, vector=MARK.encode())
        key, _ = await access_keys.create(other_shop, "secret", name=MARK)
        found.values = {
            "item_id": f"{MARK}-item-0", "task_id": task["id"], "key_id": key.id, "model_id": "m_41",
            "version_id": "m_41", "shop_id": other_shop.id, "shopper_id": f"{MARK}-anna", "from": f"{MARK}-anna",
            "into": f"{MARK}-anna", "session_id": f"{MARK}-visit", "q": MARK, "category": MARK, "status": "failed",
            "kind": "train", "transaction_id": f"{MARK}-order", "event_id": f"{MARK}-view_item",
            "url": f"https://{MARK}.example/feed.csv",
        }  # fmt: skip
        for method, path, _described in ROUTES:
            if method == "GET" and "{" not in path and _takes(_described, "cursor"):
                page = (await owner.get(path, params={"limit": 1})).json()
                if page["next_cursor"]:
                    found.cursors[path] = page["next_cursor"]
    await app.state.services.credentials.keep_last_use()
    found.rows, found.files = await _rows_of(other_shop), _files_of(settings, found.values["task_id"])
    assert found.cursors.keys() >= {"/v1/items", "/v1/tasks", "/v1/keys", "/v1/models"}
    assert found.files
    assert sum(map(len, found.rows.values())) > 12
    yield found


@pytest.fixture
async def mine(app: Starlette, shop: Shop, keys: ShopKeys) -> ShopKeys:
    """This shop, with an item of its own."""
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {keys.secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test", headers=headers) as owner:
        await owner.put("/v1/items/mine", json={"title": "Linen hat", "price": 9})
    return keys


@pytest.mark.parametrize("route", ROUTES, ids=named)
async def test_another_shops_ids_find_nothing_and_change_nothing(
    app: Starlette, settings: Settings, theirs: Theirs, mine: ShopKeys, other_shop: Shop, route: tuple[str, str, Any]
) -> None:
    method, path, described = route
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test") as client:
        for key in mine:
            for request in _requests(method, path, described, theirs):
                request["headers"] = request.get("headers", {}) | {"Authorization": f"Bearer {key}"}
                answer = await client.request(method, **request)
                sent = str(request)
                assert answer.status_code < 500, (sent, answer.text)
                if "{" in path and method != "PUT":  # a PUT makes an item of this shop's own
                    assert answer.status_code in (404, 403), (sent, answer.text)
                assert MARK not in _without(answer.text + str(answer.headers), sent), (sent, answer.text)
                hidden = [theirs.values[name] for name in ("task_id", "key_id", "shop_id")]
                assert not [one for one in hidden if one in answer.text and one not in sent], (sent, answer.text)
    await app.state.services.credentials.keep_last_use()
    assert await _rows_of(other_shop) == theirs.rows
    assert _files_of(settings, theirs.values["task_id"]) == theirs.files


def _requests(method: str, path: str, described: Any, theirs: Theirs) -> Iterator[dict[str, Any]]:
    """Requests with the other shop's ids: in the path, and then one after the other in each further place."""
    url = path
    for parameter in described["parameters"]:
        if parameter["in"] == "path":
            name = parameter["name"]
            url = url.replace(f"{{{name}}}", quote(theirs.value(name), safe=""))
    plain: dict[str, Any] = {"url": url}
    body = _body(described)
    if body is not None:
        plain["json"] = body
    query = [one["name"] for one in described["parameters"] if one["in"] == "query" and _is_text(one["schema"])]
    required = [one for one in described["parameters"] if one["in"] == "query" and one.get("required")]
    plain["params"] = {one["name"]: one.get("example", theirs.value(one["name"])) for one in required}
    yield plain
    for headers in (
        {"Vitrina-Shop": theirs.values["shop_id"]},
        {"Idempotency-Key": f"{MARK}-once"},
        {"X-Request-Id": "other"},
    ):
        yield plain | {"headers": headers}
    for name in query:
        given = theirs.cursors.get(path, "bm9uZQ") if name == "cursor" else theirs.value(name)
        yield plain | {"params": plain["params"] | {name: given}}
    yield plain | {"params": plain["params"] | {name: theirs.value(name) for name in ("shop", "shop_id")}}
    if body is not None:
        yield plain | {"json": _dressed(body, theirs)}
        yield plain | {"json": _dressed(body, theirs) | {"shop_id": theirs.values["shop_id"], "shop": MARK}}


def _body(described: Any) -> Any:
    content = described.get("requestBody", {}).get("content", {})
    return content["application/json"].get("example", {}) if "application/json" in content else None


def _dressed(value: Any, theirs: Theirs, name: str = "") -> Any:
    """The example with the other shop's ids wherever it has an id."""
    if isinstance(value, dict):
        return {key: _dressed(one, theirs, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_dressed(one, theirs, name) for one in value]
    return theirs.values[name] if isinstance(value, str) and name in theirs.values else value


def _is_text(schema: Any) -> bool:
    """Whether an id may stand there: not in a number, and not where one of a few words is asked for."""
    choices = schema.get("anyOf", [schema])
    return any("enum" not in one and one.get("type") in ("string", "array") for one in choices)


def _takes(described: Any, name: str) -> bool:
    return any(one["name"] == name for one in described["parameters"])


def _without(text: str, sent: str) -> str:
    """The answer without what it only repeats of the request."""
    for word in {part for part in sent.replace('"', "'").split("'") if MARK in part}:
        text = text.replace(word, "").replace(quote(word, safe=""), "").replace(word.rpartition("/")[2] or word, "")
    return text


async def _rows_of(shop: Shop) -> dict[str, list[Any]]:
    models = [model for model in Tortoise.apps["vitrina"].values() if issubclass(model, Tenant)]
    rows = {one.__name__: await one.filter(shop_id=shop.id).order_by(one._meta.pk_attr).values() for one in models}
    for key in rows["ApiKey"]:
        del key["last_used_at"]  # written now and then, of what its owner did before
    return rows | {"Shop": await Shop.filter(id=shop.id).values()}


def _files_of(settings: Settings, task_id: str) -> dict[str, bytes]:
    folder = Path(blobs.folder(settings))
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if task_id in name}
