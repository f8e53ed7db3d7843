"""How much one key and one address may ask: counted together for all processes in Redis, without a wait on any request.

Each process counts by itself. Whoever comes near a limit is told to Redis a few times a second (`limits`, a sliding
window), which says how much is left for everybody together; until the next time that is what this process may serve.
"""

import asyncio
import time
from dataclasses import dataclass
from math import ceil

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

WINDOW_S = 10  # short pages full of lists are bursts, so a limit per second is an average over ten
_COUNT_EVERY_S = 0.2
_TELLING_SHARE = 16  # who has asked for less than a sixteenth of a limit here is not over it anywhere
_MOST_TALLIES = 100_000  # about 20 MB; a flood from more addresses than this is no matter of limits
_LOG_PAUSE_S = 10.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Tally:
    """What one key or address has asked of this process. `left`: what may be served before Redis is asked again."""

    most: int
    left: int
    untold: int = 0
    told: bool = False
    room_at: float = 0.0  # time.monotonic() when there may be room again

    @property
    def is_calm(self) -> bool:
        """Whether so little of the limit is used that it need not be told of."""
        return (self.most - self.left) * _TELLING_SHARE < self.most


class Limiter:
    """Counts what keys and addresses ask for. One per process; `count` runs beside."""

    def __init__(self, redis: "Redis", *, key_per_s: int, address_per_s: int) -> None:
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="vitrina:limits",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]
        )
        self._window = SlidingWindowCounterRateLimiter(storage)
        self._key_most, self._address_most = key_per_s * WINDOW_S, address_per_s * WINDOW_S
        self._tallies: dict[str, _Tally] = {}
        self._began = time.monotonic()
        self._logged_at = 0.0

    def wait_of_key(self, key_id: str) -> int:
        """Count a request of this key; 0 if it may be served, else in how many seconds to ask again."""
        return self._wait(f"key:{key_id}", self._key_most)

    def wait_of_address(self, mark: int) -> int:
        """The same for an address, by its mark."""
        return self._wait(f"address:{mark:x}", self._address_most)

    async def count(self) -> None:
        """Tell Redis and hear what is left, until cancelled. Without Redis each process keeps the limits by itself."""
        while True:
            await asyncio.sleep(_COUNT_EVERY_S)
            try:
                await self.tell()
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)

    async def tell(self) -> None:
        """One round of `count`."""
        now = time.monotonic()
        if now - self._began >= WINDOW_S:
            self._began = now
            # who was not told of begins anew; who was is known to Redis until hardly anything of it counts any more
            self._tallies = {who: tally for who, tally in self._tallies.items() if tally.told and not tally.is_calm}
        for who, tally in list(self._tallies.items()):
            if tally.told or not tally.is_calm:
                await self._tell_of(who, tally, now)

    def _wait(self, who: str, most: int) -> int:
        if not most:
            return 0
        tally = self._tallies.get(who)
        if tally is None:
            if len(self._tallies) >= _MOST_TALLIES:
                self._tallies.clear()
            tally = self._tallies[who] = _Tally(most, most)
        if tally.left <= 0:
            return max(1, ceil(tally.room_at - time.monotonic()))
        tally.left -= 1
        tally.untold += 1
        return 0

    async def _tell_of(self, who: str, tally: _Tally, now: float) -> None:
        if not tally.untold and now < tally.room_at:
            return
        item = RateLimitItemPerSecond(tally.most, WINDOW_S)
        asked, tally.untold, tally.told = tally.untold, 0, True
        if asked and not await self._window.hit(item, who, cost=min(asked, tally.most)):
            # other processes served it meanwhile: fill the window, so that nobody gets more
            rest = (await self._window.get_window_stats(item, who)).remaining
            if rest > 0:
                await self._window.hit(item, who, cost=rest)
        stats = await self._window.get_window_stats(item, who)
        tally.left = stats.remaining - tally.untold
        if tally.left <= 0:
            tally.room_at = now + min(max(stats.reset_time - time.time(), 1.0), float(WINDOW_S))

    def _failed(self, error: Exception) -> None:
        now = time.monotonic()
        for tally in self._tallies.values():
            tally.told = False  # so that it begins anew with the next window
        if now - self._logged_at > _LOG_PAUSE_S:
            self._logged_at = now
            log.warning("limits.redis_away", error=f"{type(error).__name__}: {error}")
