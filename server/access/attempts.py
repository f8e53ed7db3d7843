"""Limits on guessing: how often something may be tried, counted in Redis for all API processes together.

What is counted (an address, a mailbox) is stored as a mark that only this installation can make, for minutes.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from redis.asyncio import Redis

from server.storage.secret import Secret


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts in so many seconds, counted from the first one."""

    name: str
    most: int
    seconds: int


# A person mistypes now and then; who needs more tries is guessing. The limit per mailbox is wide, because strangers
# can use it up; a link in a letter still lets its owner in.
SIGN_IN_FROM_ADDRESS_TO_MAILBOX = Limit("sign-in:pair", 6, 900)
SIGN_IN_FROM_ADDRESS = Limit("sign-in:address", 40, 900)
SIGN_IN_TO_MAILBOX = Limit("sign-in:mailbox", 60, 900)
LETTERS_TO_MAILBOX = Limit("letters:mailbox", 4, 3_600)
LETTERS_FROM_ADDRESS = Limit("letters:address", 20, 3_600)
INVITATIONS_OF_SHOP = Limit("invitations:shop", 60, 3_600)
DEVICE_CODES_FROM_ADDRESS = Limit("device:address", 30, 600)
DEVICE_CODE_ENTRIES = Limit("device:entry", 10, 600)
CLIENT_SECRETS_FROM_ADDRESS = Limit("client:address", 60, 600)


def network_of(address: str) -> str:
    """Whom an address stands for: an IPv6 customer has a /64 at least, and all of its addresses."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return address


class Attempts:
    """Counts attempts."""

    def __init__(self, redis: "Redis", secret: Secret) -> None:
        self._redis = redis
        self._secret = secret

    async def seconds_to_wait(self, *tries: tuple[Limit, str]) -> int:
        """Count one attempt against each limit; 0, or how long to wait where one of them is passed."""
        waits: list[int] = []
        for limit, who in tries:
            key = self._key(limit, who)
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 0, ex=limit.seconds, nx=True)
                pipeline.incr(key)
                pipeline.ttl(key)
                _, count, left = await pipeline.execute()
            waits.append(max(1, left) if count > limit.most else 0)
        return max(waits, default=0)

    async def forget(self, limit: Limit, who: str) -> None:
        """Begin anew, after an attempt that was right."""
        await self._redis.delete(self._key(limit, who))

    def _key(self, limit: Limit, who: str) -> str:
        return f"vitrina:attempts:{limit.name}:{self._secret.mark('attempts', who)[:32]}"
