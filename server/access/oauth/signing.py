"""The keys that sign access tokens (ES256), and when which of them does.

A new key takes over every 30 days. It is published an hour ahead, so that whoever keeps a copy of the key set knows it
by then, and stays published for a day after its successor took over. Private keys are encrypted with the
installation's secret.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import structlog
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OctKey

from server.access.oauth.models import SigningKey
from server.storage import database
from server.storage.secret import Secret

ALGORITHM = "ES256"
_SIGNS_FOR = timedelta(days=30)
_PUBLISHED_AHEAD = timedelta(hours=1)
_PUBLISHED_AFTER = timedelta(days=1)  # tokens live for minutes; the rest is for clocks and copies
_FRESH_S = 60.0
_ASK_AGAIN_S = 1.0  # for a key that is not known here: another process may have made it

log = structlog.get_logger(__name__)


class _Known(NamedTuple):
    key: ECKey
    active_from: datetime


class SigningKeys:
    """The keys of one process, read from the database and made there when none is due."""

    def __init__(self, secret: Secret) -> None:
        self._lock_key = OctKey.import_key(secret.key("signing keys"))
        self._known: list[_Known] = []  # oldest first
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def current(self) -> ECKey:
        """The key that signs now."""
        await self._refresh(_FRESH_S)
        now = datetime.now(UTC)
        if not self._active(now) or self._known[-1].active_from < now - _SIGNS_FOR:
            async with self._reading:
                await self._read()  # another process may have made it
                if not self._active(now):
                    await self._make(now)
                elif self._known[-1].active_from < now - _SIGNS_FOR:
                    await self._make(now + _PUBLISHED_AHEAD)
        return self._active(now)[-1]

    async def public_set(self) -> dict[str, Any]:
        """The key set of `/.well-known/jwks.json` (RFC 7517), public halves only."""
        await self.current()
        usage = {"use": "sig", "alg": ALGORITHM}
        return {"keys": [known.key.as_dict(private=False) | usage for known in self._known]}

    async def verifying(self, key_id: str) -> KeySet | None:
        """The key with this id, if it is one of ours."""
        await self._refresh(_FRESH_S)
        if not self._has(key_id):
            await self._refresh(_ASK_AGAIN_S)
        found: list[Key] = [known.key for known in self._known if known.key.kid == key_id]
        return KeySet(found) if found else None

    async def replace_all(self) -> None:
        """Sign with a new key from now on and forget all others: every access token becomes worthless at once."""
        await SigningKey.all().delete()
        await self._make(datetime.now(UTC))

    def _active(self, now: datetime) -> list[ECKey]:
        return [known.key for known in self._known if known.active_from <= now]

    def _has(self, key_id: str) -> bool:
        return any(known.key.kid == key_id for known in self._known)

    async def _refresh(self, fresh_s: float) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at < fresh_s:
                return
            await self._read()

    async def _read(self) -> None:
        rows = await SigningKey.all().using_db(database.writer()).order_by("active_from", "id")
        now = datetime.now(UTC)
        retired = [row.id for row, successor in pairwise(rows) if successor.active_from < now - _PUBLISHED_AFTER]
        if retired:
            await SigningKey.filter(id__in=retired).delete()
        self._known = [known for row in rows if row.id not in retired if (known := self._opened(row))]
        self._read_at = time.monotonic()

    async def _make(self, active_from: datetime) -> None:
        key = ECKey.generate_key("P-256", auto_kid=True)
        sealed = jwe.encrypt_compact(
            {"alg": "dir", "enc": "A256GCM"}, json.dumps(key.as_dict(private=True)), self._lock_key
        )
        await SigningKey.create(id=key.kid, sealed=sealed, active_from=active_from)
        log.info("oauth.key_made", key=key.kid, active_from=active_from.isoformat())
        await self._read()

    def _opened(self, row: SigningKey) -> _Known | None:
        try:
            plain = jwe.decrypt_compact(row.sealed, self._lock_key, algorithms=["dir", "A256GCM"]).plaintext
            return _Known(ECKey.import_key(json.loads(plain or b"")), row.active_from)
        except (JoseError, ValueError):
            # `secret.key` was lost or replaced: what it sealed is gone, and a new key is made
            log.warning("oauth.key_unreadable", key=row.id)
            return None
