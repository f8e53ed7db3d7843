"""Requests and replies in the form Authlib works with, made from parameters that Starlette has read.

Authlib puts what it was sent into its own error texts, which may hold few characters (RFC 6749, section 5.2), and fails
on others; and it takes the last of a repeated parameter. Both are refused here, before it sees them.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import OAuth2Payload

Pairs = Sequence[tuple[str, str]]
_LONGEST = 2_000
_FREE = frozenset({"state"})  # ours to send back, never to read


class Parameters(OAuth2Payload):
    """The parameters of one request, each once."""

    def __init__(self, pairs: Pairs) -> None:
        self._data = dict(pairs)

    @property
    def data(self) -> dict[str, str]:
        """Value by name."""
        return self._data

    @property
    def datalist(self) -> dict[str, list[str]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Values by name."""
        return {name: [value] for name, value in self._data.items()}


class ProviderRequest(OAuth2Request):
    """One request to the provider. `uri` is our own public address and not what a Host header claims."""

    def __init__(self, method: str, uri: str, pairs: Pairs, authorization: str = "") -> None:
        super().__init__(method, uri, headers=_basic(authorization))
        _check(pairs)
        self.payload = self._parameters = Parameters(pairs)

    @property
    def args(self) -> dict[str, str | None]:
        """The parameters."""
        return dict(self._parameters.data)

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        return self._parameters.data


@dataclass
class Reply:
    """What Authlib wants answered. `location` may be changed by its extensions."""

    status: int
    body: Any
    headers: Mapping[str, str]
    location: str = field(init=False)

    def __post_init__(self) -> None:
        self.location = self.headers.get("Location", "")


def _check(pairs: Pairs) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise InvalidRequestError("A parameter was sent twice.")
    for name, value in pairs:
        if len(value) > _LONGEST:
            raise InvalidRequestError("A parameter is too long.")
        if name not in _FREE and not _may_be_quoted(name + value):
            raise InvalidRequestError("A parameter holds a character that none may hold.")


def _may_be_quoted(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _basic(authorization: str) -> dict[str, str]:
    """The header for HTTP Basic, if it can be read."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        readable = scheme.lower() == "basic" and base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        readable = ""
    return {"Authorization": f"Basic {encoded}"} if readable else {}
