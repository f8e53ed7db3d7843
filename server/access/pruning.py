"""Removes what ran out: sessions, links, codes and tokens that nobody can use any more, and invitations."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import structlog

from server.access.oauth.models import AuthorizationCode, DeviceCode, Grant, RefreshToken
from server.access.people.models import Link, Session
from server.shops.models import Invitation

_EVERY_S = 3_600
_KEPT = timedelta(days=1)  # what was used is recognised when it is shown again
_EXPIRING = (AuthorizationCode, DeviceCode, RefreshToken, Grant, Link, Session, Invitation)

log = structlog.get_logger(__name__)


async def prune() -> int:
    """Remove what ran out a day ago or earlier; says how many rows."""
    before = datetime.now(UTC) - _KEPT
    return sum([await kind.filter(expires_at__lt=before).delete() for kind in _EXPIRING])


async def keep_pruning() -> None:
    """Do so about once an hour, until cancelled. Every API process does: what one removed, the next does not find."""
    while True:
        await asyncio.sleep(_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - so that processes do not meet
        try:
            removed = await prune()
        except Exception:
            log.exception("access.not_pruned")
        else:
            log.debug("access.pruned", rows=removed)
