"""The programs that may ask people for access: Vitrina's own at the terminal, and those an operator registered."""

import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE

from server.access.oauth import scopes
from server.access.oauth.models import RegisteredClient
from server.storage import database
from server.storage.codes import hash_of, new_code
from server.storage.identifiers import may_be_id, new_id

_GRANT_TYPES = frozenset({"authorization_code", "refresh_token", DEVICE_CODE_GRANT_TYPE})
_LOOPBACK = ("127.0.0.1", "::1")


class BadRedirect(ValueError):  # noqa: N818 - it reads as what happened
    """A redirect address that would hand codes to strangers; the message says what fits."""


@dataclass(frozen=True)
class Client(ClientMixin):
    """One program, as Authlib asks about it. Without `secret_hash` it is public: PKCE alone protects it."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret_hash: str | None = None
    ours: bool = False

    def get_client_id(self) -> str:
        """Its id."""
        return self.id

    def get_default_redirect_uri(self) -> Any:
        """None: the address must be named, so that a wrong one is noticed."""
        return None

    def get_allowed_scope(self, scope: Any) -> str:
        """What it gets of what it asks for; reading when it asks for nothing."""
        return scopes.in_order(scope or scopes.DEFAULT)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether codes may be sent there: exactly a registered address; on the same machine the port may differ
        (RFC 8252, section 7.3).
        """
        return redirect_uri in self.redirect_uris or _without_port(redirect_uri) in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether this is its secret."""
        return hmac.compare_digest(hash_of(client_secret), self.secret_hash or "")

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Whether it may prove itself so: with its secret if it has one."""
        return (method == "none") == (self.secret_hash is None)

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may ask for this: for a code only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may ask for tokens in this way."""
        return grant_type in _GRANT_TYPES


TERMINAL = Client(
    "vitrina-terminal", "Vitrina at the terminal", ("http://127.0.0.1/callback", "http://[::1]/callback"), ours=True
)


async def find(client_id: str) -> Client | None:
    """The program with this id."""
    if client_id == TERMINAL.id:
        return TERMINAL
    if not may_be_id(client_id, 64):
        return None
    row = await RegisteredClient.get_or_none(id=client_id, using_db=database.reader())
    if row is None:
        return None
    return Client(row.id, row.name, tuple(row.redirect_uris), row.secret_hash)


async def register(name: str, redirect_uris: list[str], *, with_secret: bool) -> tuple[Client, str]:
    """A new program and its secret, which is shown this once; empty for one that cannot keep any.

    Raises:
        BadRedirect: an address does not fit.

    """
    for uri in redirect_uris:
        _check_redirect(uri)
    secret = new_code() if with_secret else ""
    row = await RegisteredClient.create(
        id=new_id("client"),
        name=name,
        redirect_uris=redirect_uris,
        secret_hash=hash_of(secret) if secret else None,
    )
    return Client(row.id, row.name, tuple(redirect_uris), row.secret_hash), secret


def _check_redirect(uri: str) -> None:
    parts = urlsplit(uri)
    loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if parts.fragment or not parts.hostname or "*" in uri or not (parts.scheme == "https" or loopback):
        raise BadRedirect(f"{uri!r} does not fit: use https://…, or http://127.0.0.1/… for a program on this machine.")


def _without_port(uri: str) -> str:
    """A loopback address without its port; anything else as nothing that could be registered."""
    try:
        parts = urlsplit(uri)
        host = {"127.0.0.1": "127.0.0.1", "::1": "[::1]"}[parts.hostname or ""]
        port = f":{parts.port}" if parts.port is not None else ""
    except (ValueError, KeyError):
        return ""
    if parts.scheme != "http" or parts.netloc != host + port:
        return ""
    return uri.replace(f"{host}{port}", host, 1)
