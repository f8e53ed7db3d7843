"""A program asks a person for access: in a browser (`/oauth/authorize`), or from a terminal (`/device`)."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from server.access import attempts
from server.access.oauth import clients, provider, scopes
from server.access.oauth.models import DeviceCode
from server.access.oauth.provider import Asked, NotValid
from server.access.oauth.requests import Reply
from server.account.visits import Refused, Visit, sign_in_first
from server.shops import audit, members
from server.shops.models import Member
from server.storage import database
from server.storage.identifiers import may_be_id


async def authorize_page(visit: Visit) -> Response:
    """Ask the person; or send the browser back where the program's request is wrong."""
    asked = await _asked(visit)
    if isinstance(asked, Reply):
        return _back(visit, asked)
    if visit.person is None:
        return visit.go(sign_in_first(visit))
    back_to = urlsplit(asked.redirect_uri)
    return visit.page(
        "consent.html",
        # browsers hold the answer to a form against its page's policy, also where that leads elsewhere
        forms_lead_to=[f"{back_to.scheme}://{back_to.netloc}"],
        goes_to=back_to.netloc,
        **await _question(visit, asked.client, asked.scope),
    )


async def authorize(visit: Visit) -> Response:
    """What the person decided, back to the program."""
    if visit.person is None:
        return visit.go(sign_in_first(visit))
    allowed = visit.form.get("decision") == "allow"
    shop_id = await _chosen_shop(visit)
    try:
        async with database.transaction():
            reply = await visit.services.provider.decide(_pairs(visit), visit.person, shop_id, allowed=allowed)
            await _write_down(visit, visit.request.query_params.get("client_id", ""), shop_id, allowed=allowed)
    except NotValid as wrong:
        raise _not_valid(wrong) from None
    return _back(visit, reply)


async def device_page(visit: Visit) -> Response:
    """The form for the code of a terminal; with a code, the question."""
    code = _code(visit.request.query_params.get("user_code", ""))
    if not code:
        return visit.page("device.html", error="", code="")
    return await _device_question(visit, code)


async def device(visit: Visit) -> Response:
    """A code was typed, or the question answered."""
    assert visit.person
    code = _code(visit.form.get("user_code", ""))
    decision = visit.form.get("decision", "")
    if decision not in ("allow", "deny"):
        return await _device_question(visit, code)
    row = await _waiting(code)
    if row is None:
        raise _unknown_code()
    client = await clients.find(row.client_id)
    shop_id = await _chosen_shop(visit)
    async with database.transaction():
        if client is None or decision == "deny":
            await DeviceCode.filter(hash=row.hash, grant_id=None).update(denied_at=datetime.now(UTC))
        else:
            grant = await provider.allow(visit.person, client, row.scope, shop_id)
            taken = await DeviceCode.filter(hash=row.hash, grant_id=None, denied_at=None).update(grant_id=grant.id)
            if not taken:
                raise _unknown_code()
        await _write_down(visit, row.client_id, shop_id, allowed=decision == "allow")
    return visit.page("device-done.html", allowed=decision == "allow")


async def _device_question(visit: Visit, code: str) -> Response:
    assert visit.person
    await visit.limit((attempts.DEVICE_CODE_ENTRIES, visit.person.id))
    row = await _waiting(code)
    client = await clients.find(row.client_id) if row else None
    if row is None or client is None:
        error = "No terminal waits with this code. Compare it, or start again there: a code works for ten minutes."
        return visit.page("device.html", status=422, error=error, code=code)
    question = await _question(visit, client, row.scope)
    return visit.page("device-question.html", code=row.user_code, **question)


async def _waiting(code: str) -> Any:
    found = DeviceCode.filter(user_code=code, expires_at__gt=datetime.now(UTC), grant_id=None, denied_at=None)
    return await found.using_db(database.writer()).first()


async def _question(visit: Visit, client: clients.Client, scope: str) -> dict[str, Any]:
    assert visit.person
    return {
        "client": client,
        "may": [scopes.MEANINGS[one] for one in scope.split()],
        "memberships": await members.memberships_of(visit.person.id),
    }


async def _chosen_shop(visit: Visit) -> str:
    """The shop that the person limited the program to, or "" for all."""
    assert visit.person
    shop_id = visit.form.get("shop", "")
    mine = may_be_id(shop_id) and await Member.exists(shop_id=shop_id, person_id=visit.person.id)
    if shop_id and not mine:
        raise Refused("Not your shop", "You are no member of this shop.", status=403)
    return shop_id


async def _asked(visit: Visit) -> Asked | Reply:
    try:
        return await visit.services.provider.asked(_pairs(visit))
    except NotValid as wrong:
        raise _not_valid(wrong) from None


async def _write_down(visit: Visit, client_id: str, shop_id: str, *, allowed: bool) -> None:
    assert visit.person
    action = "program.allowed" if allowed else "program.denied"
    await audit.record(audit.Actor("person", visit.person.id), action, client_id[:64], shop_id=shop_id)


def _pairs(visit: Visit) -> list[tuple[str, str]]:
    return visit.request.query_params.multi_items()


def _back(visit: Visit, reply: Reply) -> Response:
    if not reply.location:
        raise Refused("This request is not valid", "The program asked in a way that nobody understands.")
    return visit.go(reply.location)


def _code(typed: str) -> str:
    """The code as it is kept, however it was typed: `bcdf ghjk` is `BCDF-GHJK`."""
    letters = "".join(letter for letter in typed[:40].upper() if letter.isascii() and letter.isalnum())
    return f"{letters[:4]}-{letters[4:8]}" if letters else ""


def _not_valid(wrong: NotValid) -> Refused:
    text = f"The program that sent you here made a mistake, so nothing was done. It should know: {wrong}."
    return Refused("This request is not valid", text)


def _unknown_code() -> Refused:
    return Refused("This code no longer works", "It was used, or it is older than ten minutes. Start again there.")
