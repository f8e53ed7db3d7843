"""OAuth 2.0 for programs: tokens, their end, terminals, and what a program has to know. The pages that persons see on
the way are in `server/account`.
"""

from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta
from starlette.responses import Response

from server.access.attempts import CLIENT_SECRETS_FROM_ADDRESS, DEVICE_CODES_FROM_ADDRESS, network_of
from server.access.oauth.requests import Pairs, Reply
from server.access.people.accounts import installation_has_owner
from server.access.policies import PUBLIC
from server.api.operation import Call, Operation
from server.api.patience import limit
from server.api.problems import Problem, unavailable
from server.api.reading import read_body

_FORM = ("application/x-www-form-urlencoded",)
_MOST_BYTES = 16_384
_MOST_FIELDS = 30
_ANY_PAGE = {"access-control-allow-origin": "*"}  # no cookie plays a part here
_HOUR = {"cache-control": "public, max-age=3600"}


class TokenForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a program sends for tokens; which fields it needs depends on `grant_type`."""

    grant_type: str
    client_id: str = ""
    client_secret: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""
    device_code: str = ""
    scope: str = ""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens (RFC 6749, section 5.1)."""

    access_token: Annotated[str, Meta(description="A JWT (RFC 9068); send it as `Authorization: Bearer …`.")]
    token_type: str
    expires_in: int
    refresh_token: Annotated[str, Meta(description="Good for one use, which gives the next one.")]
    scope: str


class OAuthError(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 6749, section 5.2)."""

    error: str
    error_description: str = ""


class RevocationForm(msgspec.Struct, frozen=True, kw_only=True):
    """A token to give back."""

    token: str
    client_id: str = ""
    client_secret: str = ""
    token_type_hint: str = ""


class DeviceForm(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal that wants in."""

    client_id: str
    scope: str = ""


class DeviceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The two codes of a terminal (RFC 8628, section 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class Revoked(msgspec.Struct, frozen=True):
    """Nothing to say."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    device_authorization_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    service_documentation: str


class KeySet(msgspec.Struct, frozen=True):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


async def token(call: Call) -> Response:
    """Give tokens."""
    pairs = await _parameters(call)
    if any(name == "client_secret" for name, _ in pairs) or b"authorization" in call.trace.headers:
        await limit(call, (CLIENT_SECRETS_FROM_ADDRESS, network_of(call.address)))
    return _response(await call.services.provider.token(pairs, _authorization(call)))


async def revoke(call: Call) -> Response:
    """End a token and all that belong to it."""
    return _response(await call.services.provider.revoke(await _parameters(call), _authorization(call)))


async def device(call: Call) -> Response:
    """Give a terminal its codes."""
    await limit(call, (DEVICE_CODES_FROM_ADDRESS, network_of(call.address)))
    if not await installation_has_owner():
        raise unavailable("Nobody can sign in before the operator has run `vitrina-server create-owner`")
    return _response(await call.services.provider.device_authorization(await _parameters(call), _authorization(call)))


async def metadata(call: Call) -> Response:
    """Tell where everything is."""
    return _json(call.services.provider.metadata(), 200, _HOUR | _ANY_PAGE)


async def key_set(call: Call) -> Response:
    """Tell the public keys."""
    found = await call.services.provider.tokens.keys.public_set()
    return _json(found, 200, {"cache-control": "public, max-age=300"} | _ANY_PAGE)


async def _parameters(call: Call) -> Pairs:
    body = await read_body(call.receive, call.trace.headers, _MOST_BYTES)
    try:
        return parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Problem(422, "Too many fields", f"Send at most {_MOST_FIELDS} fields.") from None


def _authorization(call: Call) -> str:
    return call.trace.headers.get(b"authorization", b"").decode("latin-1")


def _response(reply: Reply) -> Response:
    return _json(reply.body, reply.status, dict(reply.headers) | _ANY_PAGE)


def _json(body: Any, status: int, headers: dict[str, str]) -> Response:
    lower = {name.lower(): value for name, value in headers.items()} | {"content-type": "application/json"}
    return Response(msgspec.json.encode(body), status, lower)


def _operation(method: str, path: str, summary: str, handler: Any, **more: Any) -> Operation:
    return Operation(method=method, path=path, policy=PUBLIC, tag="sign-in", summary=summary, handler=handler, **more)


def _posting(path: str, summary: str, handler: Any, form: type[msgspec.Struct], answer: Any, **more: Any) -> Operation:
    return _operation(
        "POST",
        path,
        summary,
        handler,
        body=form,
        body_types=_FORM,
        body_streams=True,
        answers={200: answer, 400: OAuthError, 401: OAuthError},
        **more,
    )


OPERATIONS = (
    _posting(
        "/oauth/token",
        "Get tokens for a code, a refresh token or a device code",
        token,
        TokenForm,
        TokenAnswer,
        problems=(429, 503),
        examples={"body": {"grant_type": "refresh_token", "client_id": "vitrina-terminal", "refresh_token": "…"}},
    ),
    _posting(
        "/oauth/revoke",
        "Give a token back",
        revoke,
        RevocationForm,
        Revoked,
        description="Whichever token of a grant is sent, all of them end.",
        problems=(503,),
        examples={"body": {"client_id": "vitrina-terminal", "token": "…"}},
    ),
    _posting(
        "/oauth/device_authorization",
        "Begin a sign-in at a terminal",
        device,
        DeviceForm,
        DeviceAnswer,
        problems=(429, 503),
        examples={"body": {"client_id": "vitrina-terminal", "scope": "read write"}},
    ),
    _operation(
        "GET",
        "/.well-known/oauth-authorization-server",
        "What a program has to know of this provider",
        metadata,
        answers={200: Metadata},
    ),
    _operation(
        "GET",
        "/.well-known/jwks.json",
        "The keys that access tokens are signed with",
        key_set,
        answers={200: KeySet},
        problems=(503,),
    ),
)
