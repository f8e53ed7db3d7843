"""Sign in elsewhere: there and back again (`/login/{provider}`)."""

from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from server.access.oidc import OutsideFailed, OutsidePerson
from server.access.people import accounts, identities
from server.access.people.models import Person
from server.account.visits import Refused, Visit, opened
from server.settings import Settings
from server.shops import members
from server.storage import database
from server.storage.secret import Secret

_UNDER_WAY_S = 600  # what waits in the browser meanwhile: state, nonce, verifier


def routes(settings: Settings, secret: Secret) -> list[BaseRoute]:
    """There and back."""
    waiting = Middleware(
        SessionMiddleware,
        secret_key=secret.key("outside sign-in").hex(),
        session_cookie="vitrina-login",
        max_age=_UNDER_WAY_S,
        path="/login",
        same_site="lax",
        https_only=settings.base_url.startswith("https://"),
    )
    there, back = Route("/{provider}", opened(leave)), Route("/{provider}/callback", opened(return_))
    return [Mount("/login", routes=[there, back], middleware=[waiting])]


async def leave(visit: Visit) -> Response:
    """Off to the provider."""
    name = _provider(visit)
    visit.request.session["next"] = visit.next_from(visit.request.query_params.get("next"))
    try:
        return await visit.services.outside.begin(visit.request, name, f"{visit.url}/login/{name}/callback")
    except OutsideFailed as failed:
        raise Refused("That did not work", str(failed), status=502) from None


async def return_(visit: Visit) -> Response:
    """Back from there, known or not."""
    name = _provider(visit)
    try:
        found: OutsidePerson = await visit.services.outside.finish(visit.request, name)
    except OutsideFailed as failed:
        raise Refused("That did not work", str(failed), status=400) from None
    onwards = visit.next_from(visit.request.session.pop("next", None))
    async with database.transaction():
        person = await identities.find(found.issuer, found.subject) or await _linked(visit, found)
        return await visit.signed_in(person, onwards, name)


async def _linked(visit: Visit, found: OutsidePerson) -> Person:
    """The person with the address that was proven there, from now on known by that identity."""
    try:
        email = accounts.email_of(found.email)
    except accounts.NotAnEmail:
        raise Refused("That did not work", "The provider told an address that is none.") from None
    person = await accounts.find(email)
    if person is None:
        if visit.services.settings.sign_up != "open" and not await members.is_invited(email):
            text = "Nobody has an account with your address here, and accounts are opened by invitation."
            raise Refused("By invitation", text, status=403)
        person = await accounts.open_account(email, found.name[:128], None, verified=True)
    elif person.verified_at is None:
        await accounts.take_over(person)
    await identities.link(person, found.issuer, found.subject)
    return person


def _provider(visit: Visit) -> str:
    name: str = visit.request.path_params["provider"]
    if not visit.services.outside.has(name):
        raise Refused("No such provider", "Nobody signs in with that here.", status=404)
    return name
