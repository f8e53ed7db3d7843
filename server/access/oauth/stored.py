"""What the provider remembers, in the form in which Authlib asks about it, and the statements that claim it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from server.access.oauth.models import AuthorizationCode, DeviceCode, Grant, RefreshToken
from server.storage import database
from server.storage.codes import hash_of

CODE_LASTS = timedelta(minutes=1)
_SLOWER_S = 5  # RFC 8628, section 3.5

log = structlog.get_logger(__name__)


class Code:
    """A stored code, as Authlib asks about it."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def get_redirect_uri(self) -> str:
        """Where it was sent."""
        return self.row.redirect_uri

    def get_scope(self) -> str:
        """What was allowed."""
        return self.row.grant.scope


class Refresh:
    """A stored refresh token, as Authlib asks about it."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def check_client(self, client: Any) -> bool:
        """Whether it was given to this program."""
        return self.row.grant.client_id == client.id

    def get_scope(self) -> str:
        """What was allowed."""
        return self.row.grant.scope


class Device:
    """A stored device code, as Authlib asks about it."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def get_client_id(self) -> str:
        """The program that asked for it."""
        return self.row.client_id

    def get_scope(self) -> str:
        """What was allowed: the grant's, which the person decided."""
        return self.row.grant.scope if self.row.grant else self.row.scope

    def get_user_code(self) -> str:
        """What the person types."""
        return self.row.user_code

    def is_expired(self) -> bool:
        """Whether it is too late."""
        return self.row.expires_at <= datetime.now(UTC)


async def end(grant: Grant, why: str) -> None:
    """Make every token of a grant worthless."""
    if await Grant.filter(id=grant.id, revoked_at=None).update(revoked_at=datetime.now(UTC)):
        log.warning("oauth.grant_ended", grant=grant.id, client=grant.client_id, why=why)


async def keep_code(code: str, request: Any) -> None:
    """Store a code that goes out with `request`, whose user is the grant."""
    await AuthorizationCode.create(
        hash=hash_of(code),
        grant=request.user,
        redirect_uri=request.payload.redirect_uri,
        challenge=request.payload.data["code_challenge"],
        expires_at=datetime.now(UTC) + CODE_LASTS,
    )


async def find_code(code: str, client_id: str) -> Code | None:
    """A code of this program, used or not, that has not expired."""
    found = AuthorizationCode.filter(hash=hash_of(code), expires_at__gt=datetime.now(UTC), grant__client_id=client_id)
    row = await found.using_db(database.writer()).select_related("grant").first()
    return Code(row) if row and row.grant.revoked_at is None else None


async def find_refresh(token: str) -> Refresh | None:
    """A refresh token, used or not, whose grant is in force."""
    now = datetime.now(UTC)
    found = RefreshToken.filter(hash=hash_of(token), expires_at__gt=now).using_db(database.writer())
    row = await found.select_related("grant").first()
    return Refresh(row) if row and row.grant.revoked_at is None and row.grant.expires_at > now else None


async def find_device(code: str) -> Device | None:
    """A device code, however old."""
    row = await DeviceCode.filter(hash=hash_of(code)).using_db(database.writer()).select_related("grant").first()
    return Device(row) if row else None


async def decision_on(user_code: str) -> tuple[Grant | None, bool] | None:
    """What the person decided about the terminal that shows `user_code`: None while they think."""
    found = DeviceCode.filter(user_code=user_code).using_db(database.writer())
    row: Any = await found.select_related("grant").first()
    if row is None or row.denied_at:
        return None, False
    return (row.grant, row.grant.revoked_at is None) if row.grant else None


async def asks_too_often(row: Any) -> bool:
    """Note that a terminal asked; True, and more patience from now on, if it was too early."""
    now = datetime.now(UTC)
    early = row.polled_at is not None and now - row.polled_at < timedelta(seconds=row.interval_s)
    interval_s = row.interval_s + _SLOWER_S if early else row.interval_s
    await DeviceCode.filter(hash=row.hash).update(polled_at=now, interval_s=interval_s)
    return early


async def claim(kind: Any, hashed: str) -> bool:
    """Whether this caller is the first to use the row."""
    return await kind.filter(hash=hashed, used_at=None).update(used_at=datetime.now(UTC)) == 1
