"""The audit log: reading it. `Operation`s write it, see `operation.py`."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from server.access import trail
from server.access.policies import PEOPLE
from server.api.operation import Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.shops.models import AuditEntry


class PublicActor(msgspec.Struct, frozen=True):
    """Who did it: a person, a key, the operator, or the server by itself."""

    kind: str
    id: str
    name: Annotated[str, Meta(description="A person's e-mail address, as long as they have an account.")] = ""


class PublicEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change."""

    id: str
    time: datetime
    actor: PublicActor
    action: Annotated[str, Meta(description="The call, such as `POST /v1/keys`, or what a person did on a page.")]
    subject: Annotated[str, Meta(description="The id of what was changed.")]
    details: dict[str, Any]
    request_id: str


class AuditPage(msgspec.Struct, frozen=True):
    """One page of changes, the latest first."""

    data: list[PublicEntry]
    next_cursor: str | None


async def listing(call: Call) -> AuditPage:
    """What was changed in the shop, the latest first."""
    query: PageQuery = call.query
    shop = await call.shop()
    before = read_cursor(query.cursor, int) if query.cursor else None
    found = await trail.entries(shop, before=before, most=query.limit + 1)
    page = [_public(row, name) for row, name in found[: query.limit]]
    return AuditPage(page, cursor_after(int(page[-1].id)) if len(found) > query.limit else None)


def _public(row: AuditEntry, name: str) -> PublicEntry:
    return PublicEntry(
        id=str(row.id),
        time=row.created_at,
        actor=PublicActor(row.actor_kind, row.actor_id, name),
        action=row.action,
        subject=row.subject,
        details=row.details,
        request_id=row.request_id,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/audit",
        policy=PEOPLE,
        tag="access",
        summary="Read who changed what, the latest first",
        handler=listing,
        query=PageQuery,
        answers={200: AuditPage},
        problems=(404,),
    ),
)
