"""Ids of our own making: a prefix that tells the kind, then 26 characters that sort by time of creation."""

import random
import secrets
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letters that read alike
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# These bits must be unique, not secret, and asking the kernel for each id is slow
_random_bits = random.Random(secrets.randbits(256)).getrandbits  # noqa: S311


def may_be_id(text: str, longest: int = 32) -> bool:
    """Whether it is worth looking up. Tortoise raises on a text that is longer than its column, and PostgreSQL on one
    with a zero byte, also where it is only looked up.
    """
    return len(text) <= longest and text.isascii() and text.isprintable()


def new_id(prefix: str) -> str:
    """A new id such as `task_01JZ…`: 48 bits of milliseconds and 80 random bits, as in the ULID specification."""
    milliseconds, bits, pairs = time.time_ns() // 1_000_000, _random_bits(80), _PAIRS
    return (
        f"{prefix}_{_of_time(milliseconds)}{pairs[bits >> 70]}{pairs[bits >> 60 & 1023]}{pairs[bits >> 50 & 1023]}"
        f"{pairs[bits >> 40 & 1023]}{pairs[bits >> 30 & 1023]}{pairs[bits >> 20 & 1023]}{pairs[bits >> 10 & 1023]}"
        f"{pairs[bits & 1023]}"
    )


@lru_cache(maxsize=1)
def _of_time(milliseconds: int) -> str:
    """The ten characters that a moment's ids begin with; a busy process makes several in one millisecond."""
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -10, -10)])
