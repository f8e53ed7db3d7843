"""Codes that nobody guesses, and how they are kept. Used for sessions, links in letters, and tokens."""

import secrets
from hashlib import sha256

_BYTES = 32


def new_code() -> str:
    """A new code: 256 random bits, url-safe, 43 characters."""
    return secrets.token_urlsafe(_BYTES)


def hash_of(code: str) -> str:
    """How a code is kept: SHA-256 in hex. That is enough, because there is nothing to guess in 256 random bits."""
    return sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
