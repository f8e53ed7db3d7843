"""API keys: made, stored as hashes, recognised, revoked.

A key is `vpk_` or `vsk_` and 32 url-safe characters (192 random bits), so a plain SHA-256 is enough to keep it: there
is nothing to guess. The `Keyring` is on the way of every request and remembers what it found for a second.
"""

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from redis.asyncio import Redis
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from server.access.models import ApiKey
from server.access.principal import Principal
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database, messages
from server.storage.identifiers import new_id
from server.storage.secret import keep

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
        self._used: set[str] = set()  # ids of keys that were shown since the last `keep_last_use`

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

    async def keep_last_use(self) -> None:
        """Write down which keys were used since this was last called: a statement now and then, never one a request."""
        used, self._used = self._used, set()
        if used:
            await ApiKey.filter(ACROSS_SHOPS, id__in=sorted(used)).update(last_used_at=datetime.now(UTC))

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
        row = await in_use().filter(ACROSS_SHOPS, hash=hashed).using_db(database.reader()).first()
        if row is None or not hmac.compare_digest(row.hash, hashed):
            return None
        self._used.add(row.id)
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
    expires_at: datetime | None = None,
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
        expires_at=expires_at,
    )
    return row, raw


def in_use() -> "QuerySet[ApiKey]":
    """The keys that open something: neither revoked nor past their end. Say of which shop with a further filter."""
    return ApiKey.filter(Q(expires_at=None) | Q(expires_at__gt=datetime.now(UTC)), revoked_at=None)


async def listing(shop: Shop, *, after: str, most: int) -> list[ApiKey]:
    """The shop's keys in use, in the order of their ids, from the one behind `after`."""
    return await in_use().filter(shop_id=shop.id, id__gt=after).using_db(database.reader()).order_by("id").limit(most)


async def rotate(
    shop: Shop, key_id: str, redis: "Redis", *, overlap: timedelta, expires_at: datetime | None = None
) -> tuple[ApiKey, str] | None:
    """A new key of the kind, name and origins of an old one, which ends after `overlap`.

    None if the shop has no such key in use.
    """
    async with database.transaction() as connection:
        old = await in_use().filter(shop_id=shop.id, id=key_id).using_db(connection).select_for_update().first()
        if old is None:
            return None
        kind: Any = old.kind
        made = await create(
            shop, kind, name=old.name, origins=old.origins, expires_at=expires_at, connection=connection
        )
        ends = datetime.now(UTC) + overlap
        ends = min(ends, old.expires_at) if old.expires_at else ends
        await ApiKey.filter(shop_id=shop.id, id=key_id).using_db(connection).update(expires_at=ends)
    await messages.publish(redis, messages.Message("keys-changed", shop.id))
    return made


async def change(shop: Shop, key_id: str, changes: Mapping[str, Any], redis: "Redis") -> ApiKey | None:
    """Change a key's `name` or `origins`, everywhere within a second. None if the shop has no such key in use."""
    await in_use().filter(shop_id=shop.id, id=key_id).update(**changes)
    await messages.publish(redis, messages.Message("keys-changed", shop.id))
    return await in_use().filter(shop_id=shop.id, id=key_id).first()


async def revoke(shop: Shop, key_id: str, redis: "Redis") -> bool:
    """Make a key worthless everywhere within a second. False if the shop has no such key in use."""
    now = datetime.now(UTC)
    changed = await ApiKey.filter(shop_id=shop.id, id=key_id, revoked_at=None).update(revoked_at=now)
    if changed:
        await messages.publish(redis, messages.Message("keys-changed", shop.id))
    return bool(changed)


def _hash(raw: str) -> str:
    return sha256(raw.encode()).hexdigest()
