"""What a shopper did last with which items, kept in Redis and rebuilt from the database where it is missing.

One identity (a shopper or a session) is one text value: a head with its state and generation, then a line with a JSON
array per event, appended. Who writes has committed to the database before and only appends. Who reads and finds
nothing complete rebuilds from the database and puts the result in place only if the value is still what it was when
reading began: whatever was committed after that has changed it. So no event is lost between the two, in any order.
"""

import asyncio
import secrets
import time
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.events.store import EventRow
from server.storage import database
from server.storage.pipelining import Pipelining

log = structlog.get_logger(__name__)

MOST = 150  # no model looks further back; where orders have twenty lines, 150 find 3 % more than 50 (gift shop)
TYPES = (
    *("view_item", "select_item", "add_to_wishlist", "remove_from_wishlist", "add_to_cart", "remove_from_cart"),
    *("purchase", "refund", "not_interested"),
)
_LIFETIME_MS = 7 * 24 * 3600 * 1000
_LIFETIME_UNKNOWN_MS = 10 * 60 * 1000  # invented ids must not fill Redis
_MOST_BYTES = 24_576  # some 450 entries; beyond, the next reader rebuilds the newest 150
_TIMEOUT_S = 0.5  # a page waits no longer for what is only a refinement
_PAUSE_S = 1.0
_LOG_PAUSE_S = 1.0
_DEBT_PAUSE_S = 0.5
_MOST_OWED = 5_000
_MOST_EVENTS_READ = 20_000  # a crawler's million list views must not be read to find its clicks
FAILURES = (RedisError, OSError, TimeoutError)


class Recent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing a shopper did with one item. `time_ms`: Unix milliseconds."""

    item_id: str
    type: str
    time_ms: int


_decode = msgspec.json.Decoder(list[Recent]).decode
_encode = msgspec.json.Encoder().encode
_LINE_END = b",\n"
_by_time = attrgetter("time_ms")

# A reader may have rebuilt between an event's commit and its append, and an append may be tried twice: so what is there
# already is passed over.
_APPEND = """
for i = 1, #KEYS, 2 do
    local key, text = KEYS[i + 1], ARGV[2 + (i + 1) / 2]
    local head = (redis.call('GET', KEYS[i]) or '0') .. '\\n'
    local stored = redis.call('GET', key) or ''
    if string.sub(stored, 2, #head + 1) == head and #stored + #text <= tonumber(ARGV[2]) then
        for line in string.gmatch(text, '[^\\n]+\\n') do
            if not string.find(stored, '\\n' .. line, 1, true) then
                redis.call('APPEND', key, line)
            end
        end
        redis.call('PEXPIRE', key, ARGV[1])
    else
        redis.call('SET', key, 'p' .. head .. text, 'PX', ARGV[1])
    end
end
"""
_PUT_IF_UNCHANGED = """
if (redis.call('GET', KEYS[1]) or '0') == ARGV[1] and (redis.call('GET', KEYS[2]) or '') == ARGV[2] then
    redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
"""
_NEWEST = f"""
SELECT item_id, type, time_ms FROM (
    SELECT id, item_id, type, time_ms FROM events WHERE shop_id = {{shop}} AND {{column}} = {{identity}}
    ORDER BY time_ms DESC LIMIT {_MOST_EVENTS_READ}
) AS newest
WHERE item_id IS NOT NULL AND type IN ({", ".join(f"'{kind}'" for kind in TYPES)})
ORDER BY time_ms DESC, id DESC LIMIT {MOST}
"""  # noqa: S608 (names and numbers of our own)


class Recents:
    """Reads and writes recent items. Redis being away costs the answer its freshness, never more."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._reads = Pipelining(redis, _TIMEOUT_S)
        self._append = redis.register_script(_APPEND)
        self._put_if_unchanged = redis.register_script(_PUT_IF_UNCHANGED)
        self._away_until = 0.0
        self._logged_at = -_LOG_PAUSE_S
        self._owed: dict[str, dict[str, bytes]] = {}  # shop id: key: what could not be appended yet
        self._forgotten: set[str] = set()  # shops that could not be told to forget yet
        self._payer: asyncio.Task[None] | None = None

    async def of(self, shop_id: str, shopper_id: str | None, session_id: str | None) -> tuple[Recent, ...]:
        """What this shopper and this session did last, newest first, at most `MOST`."""
        found = [recent for log in await self.logs_of(shop_id, shopper_id, session_id) for recent in read(log)]
        found.sort(key=_by_time)  # stable: of two things done at the same time the one that came in later is last
        return tuple(list(dict.fromkeys(found))[: -MOST - 1 : -1])  # an event that names both is in both

    async def logs_of(
        self, shop_id: str, shopper_id: str | None, session_id: str | None, anonymous_id: str | None = None
    ) -> tuple[bytes, ...]:
        """The same as it is kept, a log of each: a head, then the lines in the order in which they came; see `read`.
        One round trip unless unknown. `anonymous_id`: another name of the shopper's.
        """
        named = (("shopper_id", shopper_id), ("session_id", session_id), ("shopper_id", anonymous_id))
        identities = [Identity(shop_id, column, identity) for column, identity in named if identity]
        if not identities or time.monotonic() < self._away_until:
            return ()
        keys = [identity.key for identity in identities]
        try:
            generation, *stored = await self._reads.mget([_generation_key(shop_id), *keys])
        except FAILURES as error:
            self._failed(error)
            return ()
        head = b"c" + (generation or b"0") + b"\n"
        return tuple(
            [
                value
                if value is not None and value.startswith(head)
                else await self._rebuild(identity, value, generation or b"0")
                for identity, value in zip(identities, stored, strict=True)
            ]
        )

    async def remember(self, rows: Iterable[tuple[str, EventRow]]) -> None:
        """Add events, each with its shop's id, that are committed. What Redis cannot take now is added later."""
        owed: dict[str, dict[str, bytes]] = {}
        for shop_id, row in rows:
            if row.item_id is None or row.type not in TYPES:
                continue
            text = _encode((row.item_id, row.type, row.time_ms)) + _LINE_END
            for column, identity in (("shopper_id", row.shopper_id), ("session_id", row.session_id)):
                if identity:
                    texts = owed.setdefault(shop_id, {})
                    key = Identity(shop_id, column, identity).key
                    texts[key] = texts.get(key, b"") + text
        if owed and not await self._pay(owed):
            self._owe(owed)

    async def forget(self, shop_id: str) -> None:
        """Have everything of a shop built anew from the database: for events that were stored in bulk."""
        if not await self._pay({}, {shop_id}):
            self._forgotten.add(shop_id)
            self._pay_later()

    async def close(self) -> None:
        """Stop paying debts, and end the connection of the reads."""
        self._reads.close()
        if self._payer is not None:
            self._payer.cancel()
            await asyncio.gather(self._payer, return_exceptions=True)

    async def _rebuild(self, identity: "Identity", stored: bytes | None, generation: bytes) -> bytes:
        """Read the newest from the database, oldest first, and keep them unless something was added meanwhile."""
        recents = await _from_database(identity)
        value = b"c" + generation + b"\n" + b"".join(_encode(recent) + _LINE_END for recent in recents)
        lifetime = _LIFETIME_MS if recents else _LIFETIME_UNKNOWN_MS
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._put_if_unchanged(
                    keys=[_generation_key(identity.shop_id), identity.key],
                    args=[generation, stored or b"", value, lifetime],
                )
        except FAILURES as error:
            self._failed(error)
        return value

    async def _pay(self, owed: dict[str, dict[str, bytes]], forgotten: Iterable[str] = ()) -> bool:
        """Bring Redis what it is owed; whether that worked."""
        pairs = [
            (_generation_key(shop_id), key, text) for shop_id, texts in owed.items() for key, text in texts.items()
        ]
        keys = [name for generation, key, _ in pairs for name in (generation, key)]
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                for shop_id in forgotten:
                    # no counter: one that was evicted would start again and make old values current
                    await self._redis.set(_generation_key(shop_id), secrets.token_hex(8))
                if pairs:
                    await self._append(keys=keys, args=[_LIFETIME_MS, _MOST_BYTES, *(text for _, _, text in pairs)])
        except FAILURES as error:
            self._failed(error)
            return False
        return True

    def _owe(self, owed: dict[str, dict[str, bytes]]) -> None:
        for shop_id, texts in owed.items():
            mine = self._owed.setdefault(shop_id, {})
            for key, text in texts.items():
                mine[key] = mine.get(key, b"") + text
            if len(mine) > _MOST_OWED:
                del self._owed[shop_id]
                self._forgotten.add(shop_id)
        self._pay_later()

    def _pay_later(self) -> None:
        if self._payer is None or self._payer.done():
            self._payer = asyncio.create_task(self._pay_debts(), name="recents-debts")

    async def _pay_debts(self) -> None:
        while self._owed or self._forgotten:
            await asyncio.sleep(_DEBT_PAUSE_S)
            owed, self._owed = self._owed, {}
            forgotten, self._forgotten = self._forgotten, set()
            if not await self._pay(owed, forgotten):
                self._forgotten |= forgotten
                self._owe(owed)

    def _failed(self, error: Exception) -> None:
        now = time.monotonic()
        if isinstance(error, TimeoutError):
            self._away_until = now + _PAUSE_S  # a server that hangs must not make every page wait
        if now - self._logged_at >= _LOG_PAUSE_S:
            self._logged_at = now
            log.warning("recents.redis_away", error=f"{type(error).__name__}: {error}")


class Identity(NamedTuple):
    """One shopper or one session of a shop. `column`: "shopper_id" or "session_id"."""

    shop_id: str
    column: str
    identity: str

    @property
    def key(self) -> str:
        """Its key in Redis."""
        return f"vitrina:{self.shop_id}:recent:{self.column}:{self.identity}"


def _generation_key(shop_id: str) -> str:
    return f"vitrina:{shop_id}:recent"


def read(log: bytes) -> list[Recent]:
    """What a log tells, in the order in which it came."""
    return _decode(b"[" + log[log.find(b"\n") + 1 : -len(_LINE_END)] + b"]")


async def _from_database(identity: Identity) -> list[Recent]:
    connection = database.reader()
    placeholders = ("?", "?") if database.is_sqlite() else ("$1", "$2")
    query = _NEWEST.format(column=identity.column, shop=placeholders[0], identity=placeholders[1])
    _, rows = await connection.execute_query(query, [identity.shop_id, identity.identity])
    return [Recent(row["item_id"], row["type"], row["time_ms"]) for row in reversed(rows)]
