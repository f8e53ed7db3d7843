"""Signing in elsewhere, by OpenID Connect: Authlib's client for Starlette, with state, nonce and PKCE.

Which providers there are is the operator's choice; what they say of an address (`email_verified`) is trusted.
"""

from collections.abc import Sequence
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from server.settings import Settings, SignIn

_LONGEST_SUBJECT = 255
_TIMEOUT_S = 10.0
_PKCE = {"code_challenge_method": "S256", "timeout": _TIMEOUT_S}
_GOOGLE = "https://accounts.google.com"
_GITHUB, _GITHUB_API = "https://github.com", "https://api.github.com"


class OutsideFailed(RuntimeError):  # noqa: N818 - it reads as what happened
    """Signing in elsewhere did not work; the message says what to do."""


class OutsidePerson(Struct, frozen=True, kw_only=True):
    """Who somebody is elsewhere. `issuer` and `subject` together never change; `email` is one they proved to have."""

    issuer: str
    subject: str
    email: str
    name: str


class Outside:
    """The providers of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._providers = settings.sign_in
        self._clients: Any = OAuth()
        for name, provider in self._providers.items():
            self._clients.register(name, **_registration(name, provider))

    def titles(self) -> Sequence[tuple[str, str]]:
        """Name and title of each, for the buttons."""
        known = {"google": "Google", "github": "GitHub"}
        return [(name, provider.title or known.get(name, name.title())) for name, provider in self._providers.items()]

    def has(self, name: str) -> bool:
        """Whether there is a provider of this name."""
        return name in self._providers

    async def begin(self, request: Request, name: str, callback: str) -> Response:
        """Send the browser there. State, nonce and verifier wait in the session of `request`.

        Raises:
            OutsideFailed: the provider does not answer.

        """
        try:
            return await self._clients.create_client(name).authorize_redirect(request, callback)
        except (AuthlibBaseError, httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise _failed(name, error) from error

    async def finish(self, request: Request, name: str) -> OutsidePerson:
        """Who came back from there.

        Raises:
            OutsideFailed: nobody who could be believed.

        """
        client = self._clients.create_client(name)
        try:
            token = await client.authorize_access_token(request)
            if _is_github(name, self._providers[name]):
                return await _github_person(client, token)
            return await _person(request, client, token)
        except OutsideFailed:
            raise
        except (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise _failed(name, error) from error


def _registration(name: str, provider: SignIn) -> dict[str, Any]:
    identity = {"client_id": provider.client_id, "client_secret": provider.client_secret}
    if _is_github(name, provider):
        return identity | {
            "authorize_url": f"{_GITHUB}/login/oauth/authorize",
            "access_token_url": f"{_GITHUB}/login/oauth/access_token",
            "api_base_url": f"{_GITHUB_API}/",
            # GitHub documents the secret as a field of the form, not as a password
            "client_kwargs": _PKCE
            | {"scope": "read:user user:email", "token_endpoint_auth_method": "client_secret_post"},
        }
    issuer = (provider.issuer or _GOOGLE).rstrip("/")
    return identity | {
        "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
        "client_kwargs": _PKCE | {"scope": "openid email profile"},
    }


def _is_github(name: str, provider: SignIn) -> bool:
    """Whether it is github.com, which speaks OAuth 2.0 alone: without metadata and without an id token."""
    return name == "github" and not provider.issuer


async def _person(request: Request, client: Any, token: dict[str, Any]) -> OutsidePerson:
    metadata = await client.load_server_metadata()
    if request.query_params.get("iss", metadata["issuer"]) != metadata["issuer"]:  # RFC 9207, against mix-ups
        raise OutsideFailed("The answer came from another provider than the one that was asked. Try again.")
    claims = token.get("userinfo")
    if not claims:  # a token without an id token proves nothing about who came
        raise OutsideFailed("The provider did not say who you are. Its administrator has to allow OpenID Connect.")
    if "email" not in claims:
        claims = claims | await client.userinfo(token=token) | {"sub": claims["sub"]}
    if len(str(claims["sub"])) > _LONGEST_SUBJECT:  # OpenID Connect Core, section 2
        raise OutsideFailed("The provider names you in a way that its own rules do not allow.")
    if not claims.get("email") or claims.get("email_verified") not in (True, "true"):
        raise OutsideFailed("You have no confirmed e-mail address there. Confirm one, then sign in again.")
    return OutsidePerson(
        issuer=metadata["issuer"], subject=str(claims["sub"]), email=claims["email"], name=str(claims.get("name") or "")
    )


async def _github_person(client: Any, token: dict[str, Any]) -> OutsidePerson:
    answered = await client.get("user", token=token)
    answered.raise_for_status()
    user = answered.json()
    answered = await client.get("user/emails?per_page=100", token=token)
    answered.raise_for_status()
    proven = [one["email"] for one in answered.json() if one["verified"] and one["primary"]]
    if not proven:
        raise OutsideFailed("You have no confirmed e-mail address there. Confirm one, then sign in again.")
    return OutsidePerson(issuer=_GITHUB, subject=str(user["id"]), email=proven[0], name=user.get("name") or "")


def _failed(name: str, error: Exception) -> OutsideFailed:
    kind = getattr(error, "error", "") or type(error).__name__
    return OutsideFailed(f"Signing in with {name} did not work ({kind}). Try again, or sign in in another way.")
