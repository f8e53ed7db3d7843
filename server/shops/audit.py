"""The audit log: every change by a person or a key, with who, what and when. Rows are added and never changed."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from server.shops.models import AuditEntry
from server.storage import database

ActorKind = Literal["member", "person", "secret", "publishable", "operator", "server"]


class Actor(NamedTuple):
    """Who changed something. `id` is a person's, a key's, or "operator"."""

    kind: ActorKind
    id: str


async def record(
    actor: Actor,
    action: str,
    subject: str = "",
    *,
    shop_id: str = "",
    details: Mapping[str, Any] | None = None,
    request_id: str = "",
    connection: BaseDBAsyncClient | None = None,
) -> None:
    """Write down a change: `action` such as "POST /v1/keys" or "password.changed", `subject` the id of what changed."""
    await AuditEntry.create(
        using_db=connection or database.writer(),
        shop_id=shop_id or None,
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=action[:64],
        subject=subject[:255],
        details=dict(details or {}),
        request_id=request_id,
    )
