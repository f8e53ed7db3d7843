"""At the door: whose key a request carries, whether that key may do this from there, and what browsers are told."""

from collections.abc import Mapping

from server.access.credentials import Credentials
from server.access.limits import Limiter
from server.access.policies import Policy, refusal
from server.access.principal import Principal
from server.access.shares import Shares
from server.api.front import Trace
from server.api.problems import Problem, invalid, not_found, too_many

_EXPOSED = (b"access-control-expose-headers", b"X-Request-Id, Retry-After, Location")


async def admit(
    policy: Policy,
    credentials: Credentials,
    limiter: Limiter,
    shares: Shares,
    trace: Trace,
    method: str,
    query_string: bytes,
) -> tuple[Principal, str]:
    """The caller and the id of the shop that is meant; raises Problem 401, 403, 404, 422 or 429.

    Also notes in `trace` who it is, and the headers by which a browser lets a page read the answer.
    """
    origin = trace.headers.get(b"origin", b"").decode("latin-1")
    if origin:
        # set first, so that a page can also read why it is refused; there are no cookies that this could expose
        trace.extra = [(b"access-control-allow-origin", b"*"), _EXPOSED]
    raw = _credential(trace.headers, query_string)
    principal = credentials.remembered(raw) or await credentials.authenticate(raw)
    if principal is None:
        raise _unauthorized("This key or token is not known, or it expired or was revoked.", sent=True)
    trace.key_id, trace.shop_id = principal.key_id, principal.shop_id
    wait_s = limiter.wait_of_key(principal.key_id)
    if wait_s:
        raise too_many("this key", wait_s)
    if policy.names_shop and principal.kind in ("operator", "member"):
        trace.shop_id = _named_shop(principal, trace.headers.get(b"vitrina-shop", b"").decode("latin-1"))
    wait_s = shares.wait_of_shop(trace.shop_id) if trace.shop_id else 0
    if wait_s:
        raise too_many("this shop", wait_s)
    reason = refusal(policy, principal, origin, method, trace.shop_id)
    if reason:
        raise Problem(403, "That is not allowed with this credential", reason)
    if principal.origins:
        allowed = [(b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSED] if origin else []
        trace.extra = [*allowed, (b"vary", b"Origin")]
    return principal, trace.shop_id


def _named_shop(principal: Principal, named: str) -> str:
    """The shop that the header Vitrina-Shop names; a person of a single shop need not name it."""
    if principal.kind == "operator":
        return named
    if named and named not in principal.shops:
        raise not_found("shop", named)
    if not named and len(principal.ranks) > 1:
        raise invalid("/Vitrina-Shop", "You work for several shops. Send the header Vitrina-Shop with the id of one.")
    return named or next(iter(principal.shops), "")


def _credential(headers: Mapping[bytes, bytes], query_string: bytes) -> str:
    authorization = headers.get(b"authorization")
    if authorization is not None:
        scheme, _, raw = authorization.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not raw.strip():
            raise _unauthorized("Send the key as `Authorization: Bearer …`.", sent=True)
        return raw.strip()
    for pair in query_string.split(b"&"):
        if pair.startswith(b"key="):
            return _publishable(pair[4:].decode("latin-1"))
    raise _unauthorized(
        "Send a key as `Authorization: Bearer …`; a publishable key may also be the query parameter `key`.", sent=False
    )


def _publishable(raw: str) -> str:
    if raw.startswith("vpk_"):
        return raw
    raise _unauthorized(
        "Only a publishable key (vpk_…) may be part of an address, where logs and histories keep it. Send any other "
        "key as `Authorization: Bearer …`, and revoke this one if it was real.",
        sent=True,
    )


def _unauthorized(detail: str, *, sent: bool) -> Problem:
    challenge = 'Bearer realm="vitrina"' + (', error="invalid_token"' if sent else "")
    title = "The key is not valid" if sent else "No key was sent"
    return Problem(401, title, detail, headers=[("www-authenticate", challenge)])
