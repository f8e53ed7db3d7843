"""Where calls come from, as a mark that tells two addresses apart and no address: for limits and against forgery.

A mark is a keyed hash of the address. The key is random, the same for all processes of an installation, lives in Redis
only and is forgotten after a day; then nobody can tell any more which address a mark stood for, nor try them all.
"""

import asyncio
import hashlib
import secrets
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_KEPT_S = 36 * 3600  # a day's key outlives the day for the processes that are slow to take the next one
_REFRESH_EVERY_S = 60.0
_MOST_REMEMBERED = 50_000  # about 10 MB

log = structlog.get_logger(__name__)


class Addresses:
    """Makes marks. One per process; `start` before the first one, `keep_fresh` runs beside."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._day = ""
        self._secret = secrets.token_bytes(32)
        self._marks: dict[str, int] = {}

    def mark_of(self, address: str) -> int:
        """The mark of an address, 63 bits; never waits."""
        mark = self._marks.get(address)
        if mark is None:
            if len(self._marks) >= _MOST_REMEMBERED:
                self._marks.clear()
            hashed = hashlib.blake2b(_network_of(address), key=self._secret, digest_size=8).digest()
            mark = self._marks[address] = int.from_bytes(hashed, "big") >> 1
        return mark

    async def refresh(self) -> None:
        """Take the key of today, or make it where this process is the first."""
        today = datetime.now(UTC).date().isoformat()
        if today == self._day:
            return
        name = f"vitrina:addresses:{today}"
        await self._redis.set(name, secrets.token_bytes(32), nx=True, ex=_KEPT_S)
        secret = await self._redis.get(name)
        if secret:
            self._day, self._secret = today, secret
            self._marks.clear()

    async def keep_fresh(self) -> None:
        """Take each day's key, until cancelled."""
        while True:
            try:
                await self.refresh()
            except (RedisError, OSError) as error:
                log.warning("addresses.not_refreshed", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(_REFRESH_EVERY_S)


def is_own_machine(address: str) -> bool:
    """Whether an address is that of this machine to itself."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _network_of(address: str) -> bytes:
    """What counts as one sender: an IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address.encode()
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped.packed if parsed.ipv4_mapped else parsed.packed[:8]
    return parsed.packed
