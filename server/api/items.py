"""The catalog, item by item."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from server.access.policies import SHOP, STOREFRONT, Policy
from server.api.operation import Answer, Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import InvalidField, Problem, not_found
from server.catalog import items
from server.catalog.fields import FieldError, Invalid, ItemFields, ItemId, read
from server.catalog.items import PublicItem, ShopItem
from server.catalog.models import Item
from server.storage import database

# what serving follows by itself, within a second; stock and prices change all day, vectors do not depend on them
_LIVE = frozenset({"price", "sale_price", "availability"})
_FIELDS = msgspec.structs.fields(ItemFields)
ItemChanges = msgspec.defstruct(
    "ItemChanges",
    [(field.name, field.type | UnsetType, UNSET) for field in _FIELDS],
    kw_only=True,
    forbid_unknown_fields=True,
    namespace={"__doc__": "The fields to change; null empties one, and what is left out stays."},
)
ItemToPut = msgspec.defstruct(
    "ItemToPut",
    [
        (field.name, field.type) if field.name == "title" else (field.name, field.type | UnsetType, UNSET)
        for field in _FIELDS
    ],
    kw_only=True,
    forbid_unknown_fields=True,
    namespace={"__doc__": "All fields of the item; `item_id` is that of the address."},
)


class ItemPage(msgspec.Struct, frozen=True):
    """One page of items."""

    data: list[ShopItem]
    next_cursor: str | None


async def show(call: Call) -> PublicItem:
    """One item: its public fields, for a secret key all of them."""
    item_id: str = call.path["item_id"]
    rows = Item.filter(shop_id=call.shop_id, item_id=item_id)
    item = await rows.using_db(database.reader()).first()
    if item is None:
        raise not_found("item", item_id)
    return items.complete(item) if call.principal.kind != "publishable" else items.public(item)


async def listing(call: Call) -> ItemPage:
    """All items, in the order in which they were first stored."""
    query: PageQuery = call.query
    found = Item.filter(shop_id=call.shop_id).using_db(database.reader()).order_by("id")
    if query.cursor:
        found = found.filter(id__gt=read_cursor(query.cursor, int))
    rows = await found.limit(query.limit + 1)
    page = rows[: query.limit]
    return ItemPage(
        [items.complete(row) for row in page], cursor_after(page[-1].id) if len(rows) > query.limit else None
    )


async def put(call: Call) -> Answer:
    """Create or replace one item."""
    item_id: str = call.path["item_id"]
    if call.body.get("item_id", item_id) != item_id:
        raise _invalid([FieldError("/item_id", "`item_id` differs from that of the address. Send one of them.")])
    try:
        stored, created = await items.put(
            await call.shop(), read(call.body | {"item_id": item_id}), call.services.redis
        )
    except Invalid as error:
        raise _invalid(error.errors) from None
    await encode_soon(call)
    return Answer(items.complete(stored), status=201 if created else 200)


async def patch(call: Call) -> ShopItem:
    """Change some fields of an item."""
    item_id: str = call.path["item_id"]
    try:
        stored = await items.patch(await call.shop(), item_id, call.body, call.services.redis)
    except Invalid as error:
        raise _invalid(error.errors) from None
    if stored is None:
        raise not_found("item", item_id)
    if not _LIVE.issuperset(call.body):
        await encode_soon(call)
    return items.complete(stored)


async def delete(call: Call) -> Answer:
    """Remove an item."""
    item_id: str = call.path["item_id"]
    if not await items.delete(await call.shop(), [item_id], call.services.redis):
        raise not_found("item", item_id)
    await encode_soon(call)
    return Answer(None, status=204)


async def encode_soon(call: Call) -> None:
    """Have a worker bring vectors and snapshot up to date; changes that come meanwhile share one task."""
    await call.services.queue.enqueue(call.shop_id, "encode", dedupe_key="encode")


def _invalid(errors: Iterable[FieldError]) -> Problem:
    found = errors_of(errors)
    return Problem(422, "The item is not valid", " ".join(error.detail for error in found[:3]), errors=found)


def errors_of(errors: Iterable[FieldError], under: str = "") -> list[InvalidField]:
    """What is wrong with an item, as the API says it; `under`: where the item is in the body."""
    return [InvalidField(under + error.pointer, _sentence(error)) for error in errors]


def _sentence(error: FieldError) -> str:
    if error.detail.startswith("`"):
        return error.detail
    subject = f"`{error.pointer[1:]}`" if error.pointer else "The item"
    return f"{subject} {error.detail}."


_ITEM = "/v1/items/{item_id:path}"
_PARAMETERS = {"item_id": ItemId}
EXAMPLE = {
    "title": "Linen shirt",
    "url": "https://shop.example/products/linen-shirt",
    "image_url": "https://shop.example/images/linen-shirt.jpg",
    "price": 49.9,
    "currency": "EUR",
    "availability": "in_stock",
    "brand": "Linen & Co",
    "categories": ["Men > Shirts"],
    "attributes": {"colour": "white"},
}
_ESCAPED = "An id with slashes or other special characters is percent-encoded in the address."


def _operation(method: str, path: str, summary: str, handler: Any, policy: Policy = SHOP, **more: Any) -> Operation:
    return Operation(method=method, path=path, policy=policy, tag="catalog", summary=summary, handler=handler, **more)


OPERATIONS = (
    _operation(
        "GET",
        _ITEM,
        "Get an item",
        show,
        policy=STOREFRONT,
        description=f"With a secret key also `links`, `created_at` and `updated_at`. {_ESCAPED}",
        parameters=_PARAMETERS,
        answers={200: PublicItem},
        problems=(404,),
    ),
    _operation(
        "PUT",
        _ITEM,
        "Create or replace an item",
        put,
        description=_ESCAPED,
        parameters=_PARAMETERS,
        body=dict[str, Any],
        body_schema=ItemToPut,
        answers={200: ShopItem, 201: ShopItem},
        problems=(404,),
        examples={"body": EXAMPLE},
    ),
    _operation(
        "PATCH",
        _ITEM,
        "Change some fields of an item",
        patch,
        parameters=_PARAMETERS,
        body=dict[str, Any],
        body_schema=ItemChanges,
        answers={200: ShopItem},
        problems=(404,),
        examples={"body": {"availability": "out_of_stock"}},
    ),
    _operation("DELETE", _ITEM, "Remove an item", delete, parameters=_PARAMETERS, answers={204: None}, problems=(404,)),
    _operation("GET", "/v1/items", "List items", listing, query=PageQuery, answers={200: ItemPage}),
)
