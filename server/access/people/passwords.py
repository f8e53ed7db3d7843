"""Passwords: which are good enough, and how they are kept (Argon2id).

Rules of NIST SP 800-63B and OWASP ASVS 5.0: length counts, not kinds of characters; what everybody uses is refused.
"""

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 200  # a longer one only costs time to hash
_AT_ONCE = 2  # a hash takes 64 MiB and a sixth of a second of one core

_hasher = PasswordHasher()  # its defaults are the low-memory profile of RFC 9106
_working = asyncio.Semaphore(_AT_ONCE)


class WeakPassword(ValueError):  # noqa: N818 - it reads as what happened
    """The password is not good enough; the message says why and what to do."""


def check(password: str, *about: str) -> None:
    """Make sure that the password is good enough. `about`: the person's own name and e-mail address.

    Raises:
        WeakPassword: it is not.

    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"Use at least {SHORTEST} characters; a few words in a row are easy to remember.")
    if len(password) > LONGEST:
        raise WeakPassword(f"Use at most {LONGEST} characters.")
    plain = password.casefold()
    if len(set(plain)) < 4:
        raise WeakPassword("This password repeats a few characters only. Choose something longer to guess.")
    if plain in _common() or plain.rstrip("0123456789!.?") in _common():
        raise WeakPassword("This password is one of the first that attackers try. Choose something of your own.")
    words = [part for text in about for part in (text.casefold(), text.casefold().partition("@")[0]) if len(part) > 3]
    if any(plain.replace(word, "") != plain and len(plain.replace(word, "")) < SHORTEST // 2 for word in words):
        raise WeakPassword("This password is little more than your name or e-mail address. Choose something else.")


async def chosen(password: str, *about: str) -> str:
    """A password that somebody chose, as it is kept. Takes long: not to be done while a transaction is open.

    Raises:
        WeakPassword: it is not good enough.

    """
    check(password, *about)
    return await hashed(password)


async def hashed(password: str) -> str:
    """The password as it is kept."""
    async with _working:
        return await asyncio.to_thread(_hasher.hash, password)


async def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password. Takes as long where there is none, so that nobody learns who has an account."""
    async with _working:
        return await asyncio.to_thread(_verify, password[: LONGEST + 1], kept or _nobodys())


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(kept)


def _verify(password: str, kept: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash("the password of nobody, which no form sends\0")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 30,000 of them; loaded when somebody chooses a password

    return frozenset(FREQUENCY_LISTS["passwords"])
