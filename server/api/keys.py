"""API keys of a shop: list, make, revoke."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.access import keys
from server.access.models import ApiKey
from server.access.policies import OWNED
from server.api.operation import Answer, Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import invalid, not_found
from server.storage import database

Origin = Annotated[
    str,
    Meta(
        max_length=255,
        pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$",
        description="Scheme and host of a page, such as `https://shop.example`, without a path.",
    ),
]
KeyName = Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make."""

    kind: Literal["publishable", "secret"]
    name: Annotated[KeyName, Meta(description="What it is for, to tell keys apart.")] = ""
    origins: Annotated[
        list[Origin],
        Meta(max_length=50, description="Pages that may use a publishable key; none at all means every page."),
    ] = []


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key after it was made."""

    id: str
    kind: str
    name: str
    last4: str
    origins: list[str]
    created_at: datetime


class MadeKey(PublicKey, frozen=True, kw_only=True):
    """A new key."""

    key: Annotated[str, Meta(description="The key itself, shown this once.")]


class KeyPage(msgspec.Struct, frozen=True):
    """One page of keys."""

    data: list[PublicKey]
    next_cursor: str | None


async def listing(call: Call) -> KeyPage:
    """The shop's keys that are in use."""
    query: PageQuery = call.query
    shop = await call.shop()
    found = ApiKey.filter(shop_id=shop.id, revoked_at=None).using_db(database.reader()).order_by("id")
    if query.cursor:
        found = found.filter(id__gt=read_cursor(query.cursor, str))
    rows = await found.limit(query.limit + 1)
    page = [PublicKey(**_fields(row)) for row in rows[: query.limit]]
    return KeyPage(page, cursor_after(page[-1].id) if len(rows) > query.limit else None)


async def create(call: Call) -> Answer:
    """Make a key."""
    wanted: NewKey = call.body
    if wanted.kind == "secret" and wanted.origins:
        raise invalid("/origins", "A secret key never works in a browser, so it has no origins. Leave `origins` out.")
    origins = list(dict.fromkeys(_as_browsers_send(origin) for origin in wanted.origins))
    row, raw = await keys.create(await call.shop(), wanted.kind, name=wanted.name, origins=origins)
    return Answer(MadeKey(**_fields(row), key=raw), status=201)


async def revoke(call: Call) -> Answer:
    """Revoke a key."""
    key_id: str = call.path["key_id"]
    if not await keys.revoke(await call.shop(), key_id, call.services.redis):
        raise not_found("key", key_id)
    call.services.credentials.forget()
    return Answer(None, status=204)


def _as_browsers_send(origin: str) -> str:
    lower = origin.lower()
    return lower.removesuffix(_DEFAULT_PORTS[lower.partition(":")[0]])


def _fields(row: ApiKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in PublicKey.__struct_fields__}


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/keys",
        policy=OWNED,
        tag="access",
        summary="List the keys in use",
        handler=listing,
        query=PageQuery,
        answers={200: KeyPage},
        problems=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/keys",
        policy=OWNED,
        tag="access",
        summary="Make a key",
        description="The key is in this answer and nowhere else: only its hash is stored.",
        handler=create,
        body=NewKey,
        answers={201: MadeKey},
        problems=(404,),
        examples={"body": {"kind": "publishable", "name": "Web shop", "origins": ["https://shop.example"]}},
    ),
    Operation(
        method="DELETE",
        path="/v1/keys/{key_id}",
        policy=OWNED,
        tag="access",
        summary="Revoke a key",
        description="It is refused by every process within a second.",
        handler=revoke,
        answers={204: None},
        problems=(404,),
    ),
)
