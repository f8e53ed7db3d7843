"""Two more endpoints: giving tokens back (RFC 7009), and beginning a sign-in at a terminal (RFC 8628)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint

from server.access.oauth import scopes, stored
from server.access.oauth.grants import wait
from server.access.oauth.models import DeviceCode, Grant, RefreshToken
from server.storage import database
from server.storage.codes import hash_of, new_code

_AUTHENTICATION = ["none", "client_secret_basic", "client_secret_post"]


class _OfGrant:
    """Whichever token was sent: what is revoked is its grant, and with it every token."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant

    def check_client(self, client: Any) -> bool:
        """Whether it was given to this program."""
        return self.grant.client_id == client.id


class Revocation(RevocationEndpoint):
    """Ends a grant. A token that is unknown is answered as one that was revoked."""

    CLIENT_AUTH_METHODS = _AUTHENTICATION

    def check_params(self, request: Any, client: Any) -> None:  # noqa: ARG002 - Authlib's signature
        """A token must be there; what kind it is said to be does not matter (Authlib refuses unknown kinds)."""
        if not request.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> _OfGrant | None:  # noqa: ARG002
        """The grant behind a refresh or an access token."""
        grant = wait(self._grant_of, token_string)
        return _OfGrant(grant) if grant else None

    def revoke_token(self, token: _OfGrant, request: OAuth2Request) -> None:  # noqa: ARG002
        """Every token of the grant becomes worthless."""
        wait(stored.end, token.grant, "revoked")

    async def _grant_of(self, token: str) -> Grant | None:
        found = RefreshToken.filter(hash=hash_of(token)).using_db(database.writer())
        row: Any = await found.select_related("grant").first()
        if row:
            return row.grant
        provider: Any = self.server
        claims = await provider.tokens.read(token)
        return await Grant.get_or_none(id=claims.grant_id) if claims else None


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """Gives a terminal its two codes: one to show, one to ask with."""

    CLIENT_AUTH_METHODS = _AUTHENTICATION
    EXPIRES_IN = 600

    def generate_device_code(self) -> str:
        """A new code."""
        return new_code()

    def get_verification_uri(self) -> str:
        """Where the person types the other one."""
        provider: Any = self.server
        return f"{provider.issuer}/device"

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        """Keep both."""
        wait(_keep, client_id, scopes.in_order(scope or scopes.DEFAULT), data)


async def _keep(client_id: str, scope: str, data: dict[str, Any]) -> None:
    await DeviceCode.create(
        hash=hash_of(data["device_code"]),
        user_code=data["user_code"],
        client_id=client_id,
        scope=scope,
        interval_s=data["interval"],
        expires_at=datetime.now(UTC) + timedelta(seconds=data["expires_in"]),
    )
