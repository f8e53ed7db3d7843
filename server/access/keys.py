"""API keys: made, stored as hashes, recognised, revoked.

A key is `vpk_` or `vsk_` and 32 url-safe characters (192 random bits), so a plain SHA-256 is enough to keep it: there
is nothing to guess. `Keyring.authenticate` is on the way of every request and remembers what it found for a second.
"""

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from redis.asyncio import Redis
from tortoise.backends.base.client import BaseDBAsyncClient

from server.access.installation import keep
from server.access.models import ApiKey
from server.access.principal import Principal
from server.settings import Settings
from server.shops.models import Shop
from server.storage import database, messages
from server.storage.identifiers import new_id

ShopKeyKind = Literal["publishable", "secret"]

PREFIXES: dict[ShopKeyKind, str] = {"publishable": "vpk_", "secret": "vsk_"}
OPERATOR_PREFIX = "vop_"
_RANDOM_BYTES = 24  # 32 characters of base64url
_FORM = re.compile(r"(?:vpk|vsk|vop)_[A-Za-z0-9_-]{32}")
_TRUSTED_S = 1.0  # the contract: a revoked key is refused by every process within one second
_REFRESH_AFTER_S = 0.5  # from then on a key in use is looked up again beside the request, which need not wait
_MOST_REMEMBERED = 20_000  # about 10 MB; strangers may send any number of keys that do not exist


class _Known(NamedTuple):
    principal: Principal | None
    since: float  # time.monotonic() when the database was asked


class Keyring:
    """Recognises keys. One per process; `forget` is called when any process tells that keys changed."""

    def __init__(self, settings: Settings) -> None:
        self._operator_hash = _hash(operator_key(settings))
        self._known: dict[str, _Known] = {}
        self._looking: dict[str, asyncio.Task[Principal | None]] = {}
        self._age = 0

    def remembered(self, raw: str) -> Principal | None:
        """The holder of `raw` if that was found less than a second ago; never waits."""
        known = self._known.get(raw)
        if known is None:
            return None
        age_s = time.monotonic() - known.since
        if age_s > _TRUSTED_S:
            return None
        if age_s > _REFRESH_AFTER_S and raw not in self._looking:
            self._look(raw)
        return known.principal

    async def authenticate(self, raw: str) -> Principal | None:
        """The holder of the key, or None for one that is malformed, unknown or revoked."""
        if not _FORM.fullmatch(raw):
            return None
        known = self._known.get(raw)
        if known is not None and time.monotonic() - known.since <= _TRUSTED_S:
            return known.principal
        # shielded: the caller going away must not take the answer from others that wait for the same key
        return await asyncio.shield(self._looking.get(raw) or self._look(raw))

    def forget(self) -> None:
        """Drop all that is remembered; also what is being looked up, which may have read the state before."""
        self._age += 1
        self._known.clear()
        self._looking.clear()

    def _look(self, raw: str) -> "asyncio.Task[Principal | None]":
        task = asyncio.create_task(self._look_up(raw, self._age))
        self._looking[raw] = task
        task.add_done_callback(lambda done: self._looked(raw, done))
        return task

    def _looked(self, raw: str, task: "asyncio.Task[Principal | None]") -> None:
        if self._looking.get(raw) is task:
            del self._looking[raw]
        if not task.cancelled():
            task.exception()  # a refresh that failed is seen by the request that next has to wait

    async def _look_up(self, raw: str, age: int) -> Principal | None:
        asked_at = time.monotonic()
        principal = await self._find(raw)
        if age == self._age:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[raw] = _Known(principal, asked_at)
        return principal

    async def _find(self, raw: str) -> Principal | None:
        hashed = _hash(raw)
        if raw.startswith(OPERATOR_PREFIX):
            return _OPERATOR if hmac.compare_digest(hashed, self._operator_hash) else None
        row = await ApiKey.filter(hash=hashed, revoked_at=None).using_db(database.reader()).first()
        if row is None or not hmac.compare_digest(row.hash, hashed):
            return None
        fields: Any = row  # Tortoise adds `shop_id` at run time
        return Principal(fields.kind, fields.id, fields.shop_id, tuple(fields.origins))


_OPERATOR = Principal("operator", "operator", "")


def operator_key(settings: Settings) -> str:
    """The key of whoever runs this installation: `operator.key` in the data folder, made at the first start."""
    return keep(settings.folder / "operator.key", OPERATOR_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))


async def create(
    shop: Shop,
    kind: ShopKeyKind,
    *,
    name: str = "",
    origins: Sequence[str] = (),
    connection: BaseDBAsyncClient | None = None,
) -> tuple[ApiKey, str]:
    """A new key of `shop`, and the key itself, which nobody can read again later."""
    raw = PREFIXES[kind] + secrets.token_urlsafe(_RANDOM_BYTES)
    row = await ApiKey.create(
        using_db=connection or database.writer(),
        id=new_id("key"),
        shop=shop,
        kind=kind,
        hash=_hash(raw),
        last4=raw[-4:],
        name=name,
        origins=list(origins),
    )
    return row, raw


async def revoke(shop: Shop, key_id: str, redis: "Redis") -> bool:
    """Make a key worthless everywhere within a second. False if the shop has no such key in use."""
    now = datetime.now(UTC)
    changed = await ApiKey.filter(shop_id=shop.id, id=key_id, revoked_at=None).update(revoked_at=now)
    if changed:
        await messages.publish(redis, messages.Message("keys-changed", shop.id))
    return bool(changed)


def _hash(raw: str) -> str:
    return sha256(raw.encode()).hexdigest()
