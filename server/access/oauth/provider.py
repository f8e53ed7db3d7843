"""The authorization server: Authlib's, on our models, for Starlette. It answers with `Reply`; `server/api/oauth.py` and
`server/account` turn that into HTTP.

Authlib is written without `async`, so each request to it runs in a thread of its own (see `grants.wait`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InsecureTransportError
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc9207 import IssuerParameter

from server.access.oauth import clients, endpoints, grants, scopes
from server.access.oauth.clients import Client
from server.access.oauth.metadata import metadata
from server.access.oauth.models import Grant, RefreshToken
from server.access.oauth.requests import Pairs, ProviderRequest, Reply
from server.access.oauth.tokens import LASTS_S, Tokens
from server.access.people.models import Person
from server.settings import Settings
from server.storage.codes import hash_of, new_code
from server.storage.identifiers import new_id

GRANT_LASTS = timedelta(days=90)  # then a person is asked again
REFRESH_LASTS = timedelta(days=30)  # without use


class NotValid(ValueError):  # noqa: N818 - it reads as what happened
    """A request for access that cannot even be sent back to its program; the message says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks a person for."""

    client: Client
    scope: str
    redirect_uri: str


class Provider(AuthorizationServer):
    """One per process."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        super().__init__(scopes_supported=list(scopes.SCOPES))
        self.issuer = settings.base_url
        self.tokens = tokens
        self.register_token_generator("default", _generator(tokens))
        self.register_grant(grants.CodeGrant, [grants.Challenge(required=True)])
        self.register_grant(grants.RefreshGrant)
        self.register_grant(grants.DeviceGrant)
        self.register_endpoint(endpoints.Revocation)
        self.register_endpoint(endpoints.DeviceAuthorization)
        self.register_extension(_Issuer)

    async def token(self, pairs: Pairs, authorization: str) -> Reply:
        """Answer `POST /oauth/token`."""
        return await self._run("/oauth/token", pairs, authorization, self.create_token_response)

    async def revoke(self, pairs: Pairs, authorization: str) -> Reply:
        """Answer `POST /oauth/revoke` (RFC 7009)."""

        def answer(request: ProviderRequest) -> Reply:
            return self.create_endpoint_response(endpoints.Revocation.ENDPOINT_NAME, request)

        return await self._run("/oauth/revoke", pairs, authorization, answer)

    async def device_authorization(self, pairs: Pairs, authorization: str) -> Reply:
        """Answer `POST /oauth/device_authorization` (RFC 8628)."""

        def answer(request: ProviderRequest) -> Reply:
            return self.create_endpoint_response(endpoints.DeviceAuthorization.ENDPOINT_NAME, request)

        return await self._run("/oauth/device_authorization", pairs, authorization, answer)

    def metadata(self) -> dict[str, Any]:
        """What programs have to know (RFC 8414)."""
        return metadata(self.issuer)

    async def asked(self, pairs: Pairs) -> Asked | Reply:
        """What `GET /oauth/authorize` asks for, to be shown to the person; or the way back with an error.

        Raises:
            NotValid: nobody to send back to.

        """
        return await to_thread.run_sync(self._asked, pairs)

    async def decide(self, pairs: Pairs, person: Person, shop_id: str, *, allowed: bool) -> Reply:
        """The way back to the program, with a code if the person allowed it what it asked for.

        Raises:
            NotValid: as `asked`.

        """
        asked = await self.asked(pairs)
        if isinstance(asked, Reply):
            return asked
        grant = await allow(person, asked.client, asked.scope, shop_id) if allowed else None
        return await to_thread.run_sync(self._decide, pairs, grant)

    def _asked(self, pairs: Pairs) -> Asked | Reply:
        try:
            consent: Any = self.get_consent_grant(self._request("/oauth/authorize", pairs, method="GET"))
        except InsecureTransportError:
            raise NotValid(f"This server is at {self.issuer}; OAuth needs https (VITRINA_PUBLIC_URL)") from None
        except OAuth2Error as error:
            if not error.redirect_uri:
                raise NotValid(error.get_error_description() or error.error) from None
            reply = self.handle_response(*error())
            reply.location = add_params_to_uri(reply.location, [("iss", self.issuer)])
            return reply
        return Asked(consent.request.client, consent.request.scope, consent.redirect_uri)

    def _decide(self, pairs: Pairs, grant: Grant | None) -> Reply:
        request = self._request("/oauth/authorize", pairs, method="GET")
        reply: Any = self.create_authorization_response(request, grant, self.get_authorization_grant(request))
        return reply

    async def _run(self, path: str, pairs: Pairs, authorization: str, answer: Any) -> Reply:
        def run() -> Reply:
            try:
                return answer(self._request(path, pairs, authorization))
            except OAuth2Error as error:
                return self.handle_response(*error())

        return await to_thread.run_sync(run)

    def _request(self, path: str, pairs: Pairs, authorization: str = "", *, method: str = "POST") -> ProviderRequest:
        return ProviderRequest(method, self.issuer + path, pairs, authorization)

    # What Authlib asks of a framework

    def query_client(self, client_id: str) -> Any:
        """The program with this id."""
        return grants.wait(clients.find, client_id)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Keep the refresh token; the access token proves itself."""
        grants.wait(_keep_refresh, token["refresh_token"], request.user)

    def create_oauth2_request(self, request: ProviderRequest) -> ProviderRequest:  # pyright: ignore
        """The request is in its form already."""
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Reply:
        """Authlib's answer."""
        return Reply(status, body, dict(headers))

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


async def allow(person: Person, client: Client, scope: str, shop_id: str) -> Grant:
    """Let a program act for the person, in one shop, or in all of them where `shop_id` is empty."""
    return await Grant.create(
        id=new_id("grant"),
        person=person,
        client_id=client.id,
        scope=scope,
        shop_id=shop_id,
        expires_at=datetime.now(UTC) + GRANT_LASTS,
    )


class _Issuer(IssuerParameter):
    """Says in every answer through a browser whose it is (RFC 9207), against mix-ups."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        super().__call__(provider)

    def get_issuer(self) -> str:
        """Ours."""
        return self._provider.issuer


def _generator(tokens: Tokens) -> BearerTokenGenerator:
    """Makes both tokens. Authlib's own access tokens would live for ten days."""

    def sign(**asked: Any) -> str:
        return grants.wait(tokens.sign, asked["user"], asked["scope"])

    def refresh(**_asked: Any) -> str:
        return new_code()

    return BearerTokenGenerator(sign, refresh, lambda _client, _grant_type: LASTS_S)


async def _keep_refresh(token: str, grant: Grant) -> None:
    now = datetime.now(UTC)
    await RefreshToken.create(hash=hash_of(token), grant=grant, expires_at=min(now + REFRESH_LASTS, grant.expires_at))
    await Grant.filter(id=grant.id).update(used_at=now)
