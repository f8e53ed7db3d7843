"""Shoppers: what is kept of one; erased everywhere; joined to another when both turn out to be one person."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from server.access.policies import SHOP
from server.api.operation import Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import invalid, not_found
from server.events import shoppers
from server.events.models import Event
from server.events.recents import Identity
from server.storage import database

ShopperId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class KeptEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One item of one event, with everything that is stored of it."""

    event_id: str
    type: str
    time: datetime
    session_id: str | None
    item_id: str | None
    quantity: float | None
    price: float | None
    currency: str | None
    value: float | None
    transaction_id: str | None
    search_term: str | None
    item_list_id: str | None
    recommendation_id: str | None
    extra: Annotated[dict[str, Any] | None, Meta(description="Fields that the sender added.")]


class Shopper(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a shopper: how much, since when, and page by page all of it."""

    shopper_id: str
    events: Annotated[int, Meta(description="How many entries are kept in all.")]
    first_seen: datetime
    last_seen: datetime
    data: list[KeptEvent]
    next_cursor: str | None


class Merger(msgspec.Struct, frozen=True, kw_only=True, rename={"from_id": "from"}):
    """Two ids of one shopper."""

    from_id: Annotated[ShopperId, Meta(description="The id that is given up, such as a guest's.")]
    into: Annotated[ShopperId, Meta(description="The id that stays, such as that of the customer's account.")]


class Merged(msgspec.Struct, frozen=True):
    """What became of a merger. `events`: how many entries changed hands."""

    shopper_id: str
    events: int


class Erased(msgspec.Struct, frozen=True):
    """What was erased. `events`: how many entries are gone."""

    shopper_id: str
    events: int


async def show(call: Call) -> Shopper:
    """All that is kept of one shopper."""
    query: PageQuery = call.query
    shopper_id: str = call.path["shopper_id"]
    rows = shoppers.events_of(await call.shop(), shopper_id).using_db(database.reader())
    count = await rows.count()
    first, last = await rows.order_by("time_ms").first(), await rows.order_by("-time_ms").first()
    if first is None or last is None:
        raise not_found("shopper", shopper_id)
    ordered = rows.order_by("id")
    if query.cursor:
        ordered = ordered.filter(id__gt=read_cursor(query.cursor, int))
    found = await ordered.limit(query.limit + 1)
    page = found[: query.limit]
    return Shopper(
        shopper_id=shopper_id,
        events=count,
        first_seen=_time(first.time_ms),
        last_seen=_time(last.time_ms),
        data=[_kept(row) for row in page],
        next_cursor=cursor_after(page[-1].id) if len(found) > query.limit else None,
    )


async def erase(call: Call) -> Erased:
    """Erase a shopper."""
    shop, shopper_id = await call.shop(), call.path["shopper_id"]
    services = call.services

    async def change() -> Erased:
        gone = await shoppers.erase(shop, shopper_id, services.redis, services.recents, services.erasures)
        # the log tells that somebody was erased, and cannot tell whom
        call.note(services.erasures.mark_of(Identity(shop.id, "shopper_id", shopper_id)))
        return Erased(shopper_id, gone)

    erased = await call.changed(change)
    if not erased.events:  # which holds for files that come later all the same
        raise not_found("shopper", shopper_id)
    return erased


async def merge(call: Call) -> Merged:
    """Join an anonymous id to a known one."""
    wanted: Merger = call.body
    if wanted.from_id == wanted.into:
        raise invalid("/into", "`from` and `into` are the same id. Send the two ids of one shopper.")
    services = call.services
    parts = services.redis, services.recents, services.erasures
    moved = await shoppers.merge(await call.shop(), wanted.from_id, wanted.into, *parts)
    return Merged(wanted.into, moved)


def _kept(row: Event) -> KeptEvent:
    same = {name: getattr(row, name) for name in KeptEvent.__struct_fields__ if name not in ("time", "item_list_id")}
    return KeptEvent(**same, time=_time(row.time_ms), item_list_id=row.placement)


def _time(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


OPERATIONS = (
    # before the ids, which would take it for one
    Operation(
        method="POST",
        path="/v1/shoppers/merge",
        policy=SHOP,
        tag="shoppers",
        summary="Join two ids of one shopper",
        description="What was kept under `from` belongs to `into` from now on. Asking again changes nothing.",
        handler=merge,
        body=Merger,
        answers={200: Merged},
        examples={"body": {"from": "guest-7f3e", "into": "customer-42"}},
    ),
    Operation(
        method="GET",
        path="/v1/shoppers/{shopper_id:path}",
        parameters={"shopper_id": ShopperId},
        policy=SHOP,
        tag="shoppers",
        summary="What is kept of one shopper",
        description="The shopper's whole record, page by page, to hand out on request.",
        handler=show,
        query=PageQuery,
        answers={200: Shopper},
        problems=(404,),
    ),
    Operation(
        method="DELETE",
        path="/v1/shoppers/{shopper_id:path}",
        parameters={"shopper_id": ShopperId},
        policy=SHOP,
        tag="shoppers",
        summary="Erase one shopper",
        description="Events and recent items are gone at once, with what the shopper's visits did before they gave a "
        "name. Models hold no shopper; the next training learns without these events. What happened before and comes "
        "later, with a file or from a page that was offline, is left out, also where nothing was kept now (404); who "
        "comes back begins anew.",
        handler=erase,
        changes_late=True,
        answers={200: Erased},
        problems=(404,),
    ),
)
