"""Access tokens: JWTs as RFC 9068 describes them, signed here and recognised by every API process.

A token says who let which program do what, in which shops, until when. What counts is asked afresh every second all
the same: a grant that was revoked, or a role that was taken away, ends at once and not when the token does.
"""

import re
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from server.access.oauth import scopes
from server.access.oauth.models import Grant
from server.access.oauth.signing import ALGORITHM, SigningKeys
from server.access.principal import Principal
from server.settings import Settings
from server.shops.models import Member
from server.shops.roles import rank
from server.storage import database
from server.storage.codes import new_code

LASTS_S = 600  # short, because other services may trust the signature alone
TYPE = "at+jwt"
_FORM = re.compile(r"[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{40,200}")
_TRUSTED_S = 1.0  # as for keys
_MOST_REMEMBERED = 5_000
_LEEWAY_S = 5  # between the clocks of several machines


class Claims(NamedTuple):
    """What a genuine token says."""

    person_id: str
    grant_id: str
    scope: str
    expires_at: int


class _Known(NamedTuple):
    principal: Principal | None
    since: float
    expires_at: int


class Tokens:
    """Signs tokens and recognises them. One per process."""

    def __init__(self, settings: Settings, keys: SigningKeys) -> None:
        self.issuer = settings.base_url
        self.audience = f"{settings.base_url}/v1"
        self.keys = keys
        self._checks = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            sub={"essential": True},
            grant={"essential": True},
            scope={"essential": True},
        )
        self._known: dict[str, _Known] = {}

    async def sign(self, grant: Grant, scope: str) -> str:
        """A token for the program of `grant`. Its claim `shop` lists the shops that it is good for now."""
        row: Any = grant
        key = await self.keys.current()
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": row.person_id,
            "client_id": grant.client_id,
            "scope": scope,
            "shop": sorted(await _roles(row.person_id, grant.shop_id)),
            "grant": grant.id,
            "jti": new_code(),
            "iat": now,
            "exp": now + LASTS_S,
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}, claims, key, algorithms=[ALGORITHM])

    async def read(self, raw: str) -> Claims | None:
        """What a token says, if it is one of ours, meant for this API and not too old; None for anything else."""
        if not _FORM.fullmatch(raw):
            return None
        try:
            header = extract_compact(raw.encode()).headers()
            keys = await self.keys.verifying(str(header.get("kid", "")))
            if keys is None or header.get("typ") != TYPE:
                return None
            claims = jwt.decode(raw, keys, algorithms=[ALGORITHM]).claims
            self._checks.validate(claims)
        except (JoseError, ValueError, TypeError):
            return None
        return Claims(claims["sub"], claims["grant"], claims["scope"], claims["exp"])

    def remembered(self, raw: str) -> Principal | None:
        """The holder of `raw` if that was found less than a second ago; never waits."""
        known = self._known.get(raw)
        if known is None or time.monotonic() - known.since > _TRUSTED_S or known.expires_at <= time.time():
            return None
        return known.principal

    async def authenticate(self, raw: str) -> Principal | None:
        """The person behind the token and their roles, or None for a token that is worth nothing (any more)."""
        asked_at = time.monotonic()
        claims = await self.read(raw)
        if claims is None:
            return None
        principal = await _principal(claims)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[raw] = _Known(principal, asked_at, claims.expires_at)
        return principal

    def forget(self) -> None:
        """Drop all that is remembered."""
        self._known.clear()


async def _principal(claims: Claims) -> Principal | None:
    now = datetime.now(UTC)
    grant = await (
        Grant.filter(id=claims.grant_id, person_id=claims.person_id, revoked_at=None, expires_at__gt=now)
        .using_db(database.reader())
        .first()
    )
    if grant is None:
        return None
    most = scopes.rank(claims.scope)
    roles = await _roles(claims.person_id, grant.shop_id)
    ranks = tuple((shop_id, min(rank(role), most)) for shop_id, role in sorted(roles.items()))
    return Principal("member", claims.person_id, "", ranks=ranks, scope_rank=most)


async def _roles(person_id: str, shop_id: str) -> dict[str, str]:
    """The person's role by shop; of `shop_id` only, unless that is empty."""
    found = Member.filter(person_id=person_id).using_db(database.reader())
    if shop_id:
        found = found.filter(shop_id=shop_id)
    return dict(await found.values_list("shop_id", "role"))
