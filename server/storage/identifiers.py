"""Ids of our own making: a prefix that tells the kind, then 26 characters that sort by time of creation."""

import random
import secrets
import time

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
    number = (time.time_ns() // 1_000_000) << 80 | _random_bits(80)
    return f"{prefix}_" + "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -10, -10)])
