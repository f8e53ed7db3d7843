"""API keys of a shop: list, make, change, rotate, revoke."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.access import keys, origins
from server.access.models import ApiKey
from server.access.policies import OWNED
from server.api.operation import Answer, Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import Problem, invalid, not_found
from server.storage import database

Origin = Annotated[
    str,
    Meta(
        max_length=255,
        pattern=origins.PATTERN,
        description="Scheme and host of a page, such as `https://shop.example`, without a path.",
    ),
]
KeyName = Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Origins = Annotated[
    list[Origin],
    Meta(max_length=origins.MOST, description="Pages that may use a publishable key; none at all means every page."),
]
End = Annotated[
    Annotated[datetime, Meta(tz=True)] | None, Meta(description="When it stops working by itself; null for never.")
]
_DAY_S = 86_400
_LONGEST_OVERLAP_S = 30 * _DAY_S
_LONGEST_LIFE = timedelta(days=3653)


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make."""

    kind: Literal["publishable", "secret"]
    name: Annotated[KeyName, Meta(description="What it is for, to tell keys apart.")] = ""
    origins: Origins = []
    expires_at: End = None


class KeyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a key; what is left out stays."""

    name: KeyName | UnsetType = UNSET
    origins: Origins | UnsetType = UNSET


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """How one key follows another."""

    overlap_s: Annotated[
        int,
        Meta(ge=0, le=_LONGEST_OVERLAP_S, description="Seconds for which the old key goes on working beside the new."),
    ] = _DAY_S
    expires_at: End = None


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key after it was made."""

    id: str
    kind: str
    name: str
    last4: str
    origins: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="Exact to about half a minute; null for never.")]


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
    after = read_cursor(query.cursor, str) if query.cursor else ""
    rows = await keys.listing(shop, after=after, most=query.limit + 1)
    page = [PublicKey(**_fields(row)) for row in rows[: query.limit]]
    return KeyPage(page, cursor_after(page[-1].id) if len(rows) > query.limit else None)


async def create(call: Call) -> Answer:
    """Make a key."""
    wanted: NewKey = call.body
    if wanted.kind == "secret" and wanted.origins:
        raise _no_origins()
    _check_end(wanted.expires_at)
    row, raw = await keys.create(
        await call.shop(),
        wanted.kind,
        name=wanted.name,
        origins=origins.as_browsers_send(wanted.origins),
        expires_at=wanted.expires_at,
    )
    return Answer(MadeKey(**_fields(row), key=raw), status=201)


async def change(call: Call) -> PublicKey:
    """Change a key's name or the pages that may use it."""
    wanted: KeyChanges = call.body
    shop, key_id = await call.shop(), call.path["key_id"]
    row = await keys.in_use().filter(shop_id=shop.id, id=key_id).first()
    if row is None:
        raise not_found("key", key_id)
    if row.kind == "secret" and wanted.origins:
        raise _no_origins()
    changes = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    if wanted.origins is not UNSET:
        changes["origins"] = origins.as_browsers_send(wanted.origins)
    row = await keys.change(shop, key_id, changes, call.services.redis) if changes else row
    if row is None:
        raise not_found("key", key_id)
    await _forget(call)
    return PublicKey(**_fields(row))


async def rotate(call: Call) -> Answer:
    """Make a key that follows this one."""
    wanted: Rotation = call.body
    key_id: str = call.path["key_id"]
    _check_end(wanted.expires_at)
    overlap = timedelta(seconds=wanted.overlap_s)
    made = await keys.rotate(
        await call.shop(), key_id, call.services.redis, overlap=overlap, expires_at=wanted.expires_at
    )
    if made is None:
        raise not_found("key", key_id)
    await _forget(call)
    row, raw = made
    return Answer(MadeKey(**_fields(row), key=raw), status=201)


async def revoke(call: Call) -> Answer:
    """Revoke a key."""
    key_id: str = call.path["key_id"]
    if not await keys.revoke(await call.shop(), key_id, call.services.redis):
        raise not_found("key", key_id)
    await _forget(call)
    return Answer(None, status=204)


async def _forget(call: Call) -> None:
    async def forget() -> None:
        call.services.credentials.forget()

    await database.after_commit(forget)


def _check_end(end: datetime | None) -> None:
    if end is not None and not datetime.now(UTC) < end < datetime.now(UTC) + _LONGEST_LIFE:
        raise invalid("/expires_at", "`expires_at` must be a time within the next ten years. Leave it out for never.")


def _no_origins() -> Problem:
    return invalid("/origins", "A secret key never works in a browser, so it has no origins. Leave `origins` out.")


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
        method="PATCH",
        path="/v1/keys/{key_id}",
        policy=OWNED,
        tag="access",
        summary="Change a key's name or its origins",
        handler=change,
        body=KeyChanges,
        answers={200: PublicKey},
        problems=(404,),
        examples={"body": {"name": "Web shop", "origins": ["https://shop.example"]}},
    ),
    Operation(
        method="POST",
        path="/v1/keys/{key_id}/rotate",
        policy=OWNED,
        tag="access",
        summary="Replace a key by a new one, with time to change over",
        description="The new key has the kind, name and origins of the old one, which stops working after `overlap_s`.",
        handler=rotate,
        body=Rotation,
        answers={201: MadeKey},
        problems=(404,),
        examples={"body": {"overlap_s": 86400}},
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
