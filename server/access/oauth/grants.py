"""How a program comes by tokens: with a code, with a refresh token, or as a terminal that a person let in.

Authlib checks the protocol; its defaults leave holes which are closed here. What proves something once is claimed in
the database by one statement after all else was checked, so that of several who show it at the same moment one gets
tokens. Authlib runs in a thread; `wait` runs a coroutine in the event loop from there.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from anyio import from_thread
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749 import grants as authlib_grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant

from server.access.oauth import stored
from server.access.oauth.models import AuthorizationCode, DeviceCode, Grant, RefreshToken
from server.storage.codes import new_code

_AUTHENTICATION = ["none", "client_secret_basic", "client_secret_post"]


def wait(function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    """The coroutine's result, from Authlib's thread."""
    return from_thread.run(function, *arguments)


class Challenge(CodeChallenge):
    """PKCE with S256, for everybody. Authlib would hand out codes without any challenge, and take `plain`."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request for a code without a challenge; without a method it would mean `plain`."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Send code_challenge and code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:  # noqa: ARG002
        """S256: no other is stored."""
        return "S256"

    def get_authorization_code_challenge(self, authorization_code: Any) -> str:
        """The stored challenge."""
        return authorization_code.row.challenge


class CodeGrant(authlib_grants.AuthorizationCodeGrant):
    """A code that came through the browser (RFC 6749, section 4.1)."""

    TOKEN_ENDPOINT_AUTH_METHODS = _AUTHENTICATION

    def generate_authorization_code(self) -> str:
        """A new code."""
        return new_code()

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        """Keep it."""
        wait(stored.keep_code, code, request)

    def query_authorization_code(self, code: str, client: Any) -> stored.Code | None:
        """The code as it was kept, also one that was used: that is noticed once everything else was right."""
        return wait(stored.find_code, code, client.id)

    def validate_token_request(self) -> None:
        """Check the request, PKCE included, then claim the code. One that was claimed before ends its grant."""
        super().validate_token_request()
        code: Any = self.request.authorization_code
        row = code.row
        if wait(stored.claim, AuthorizationCode, row.hash):
            return
        wait(stored.end, row.grant, "code.reused")
        raise InvalidGrantError("The code was used before.")

    def authenticate_user(self, authorization_code: stored.Code) -> Grant:
        """The grant, which stands for the person from here on."""
        return authorization_code.row.grant

    def delete_authorization_code(self, authorization_code: stored.Code) -> None:
        """Nothing: a used code is kept until it expires, to be recognised."""


class RefreshGrant(authlib_grants.RefreshTokenGrant):
    """A refresh token for the next pair of tokens (RFC 6749, section 6). Showing one twice ends the grant: either the
    program or a thief holds the later ones (RFC 9700, section 4.14).
    """

    TOKEN_ENDPOINT_AUTH_METHODS = _AUTHENTICATION
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        """The token as it was kept."""
        return wait(stored.find_refresh, refresh_token)

    def validate_token_request(self) -> None:
        """Check the request, then claim the token."""
        super().validate_token_request()
        token: Any = self.request.refresh_token
        row = token.row
        if wait(stored.claim, RefreshToken, row.hash):
            return
        wait(stored.end, row.grant, "refresh-token.reused")
        raise InvalidGrantError("The refresh token was used before, so access was ended. Sign in again.")

    def authenticate_user(self, refresh_token: stored.Refresh) -> Grant:
        """The grant."""
        return refresh_token.row.grant

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """Nothing: it was claimed."""


class DeviceGrant(DeviceCodeGrant):
    """A terminal whose person said yes in a browser (RFC 8628). Authlib would pay for one code again and again."""

    TOKEN_ENDPOINT_AUTH_METHODS = _AUTHENTICATION

    def query_device_credential(self, device_code: str) -> stored.Device | None:
        """The code as it was kept."""
        return wait(stored.find_device, device_code)

    def query_user_grant(self, user_code: str) -> tuple[Grant | None, bool] | None:
        """The grant and True, or False where the person said no; None while they think."""
        return wait(stored.decision_on, user_code)

    def validate_device_credential(self, credential: stored.Device) -> Grant:
        """Check that it was approved, then claim it."""
        grant = super().validate_device_credential(credential)
        if not wait(stored.claim, DeviceCode, credential.row.hash):
            raise InvalidGrantError("The device code was used before.")
        return grant

    def should_slow_down(self, credential: stored.Device) -> bool:
        """Whether it asks more often than it was told to; from then on it has to wait longer."""
        return wait(stored.asks_too_often, credential.row)
