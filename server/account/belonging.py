"""What belongs to a person: their shops, invitations to others, the programs they let in."""

from typing import Any

from starlette.responses import Response

from server.access.oauth import clients, scopes, stored
from server.access.oauth.models import Grant
from server.access.people import accounts, passwords
from server.access.people.models import Person
from server.access.shops import open_shop
from server.account.visits import Refused, Visit, sign_in_first
from server.shops import audit, members
from server.shops.fields import is_currency
from server.shops.models import Invitation
from server.storage import database
from server.storage.identifiers import may_be_id

_DONE = {
    "password": "Your password was changed, and all other browsers were signed out.",
    "sessions": "All other browsers were signed out.",
    "program": "The program can no longer act for you.",
    "joined": "You joined the shop.",
    "left": "You left the shop.",
}
_MOST_SHOPS = 100


async def home(visit: Visit, *, error: str = "", keys: Any = None) -> Response:
    """The person's own page."""
    assert visit.person
    return visit.page(
        "account.html",
        status=422 if error else 200,
        error=error,
        keys=keys,
        done=_DONE.get(visit.request.query_params.get("done", ""), ""),
        memberships=await members.memberships_of(visit.person.id),
        programs=await _programs(visit.person.id),
        may_open_shops=_may_open_shops(visit),
        has_password=visit.person.password_hash is not None,
    )


async def open_shop_of_own(visit: Visit) -> Response:
    """Open a shop; its keys are on the page that follows, and nowhere else."""
    assert visit.person
    if not _may_open_shops(visit):
        raise Refused("Not allowed", "On this installation the operator opens shops.", status=403)
    name = visit.name
    currency = visit.form.get("currency", "").strip().upper()
    if not name:
        return await home(visit, error="Give the shop a name.")
    if not is_currency(currency):
        return await home(visit, error="There is no such currency. Use a code such as EUR or USD.")
    if len(await members.memberships_of(visit.person.id)) >= _MOST_SHOPS:
        return await home(visit, error=f"You have {_MOST_SHOPS} shops. Ask the operator to open more.")
    me, owner_id = audit.Actor("person", visit.person.id), visit.person.id
    async with database.transaction():
        opened = await open_shop(
            name=name, slug=None, currency=currency, locale="en", timezone="UTC", owner_id=owner_id
        )
        await audit.record(me, "shop.opened", opened.shop.id, shop_id=opened.shop.id)
    return await home(visit, keys=opened)


async def end_program(visit: Visit) -> Response:
    """Take back what a program was allowed."""
    assert visit.person
    grant_id = visit.form.get("grant", "")
    grant = await Grant.get_or_none(id=grant_id, person_id=visit.person.id) if may_be_id(grant_id, 40) else None
    if grant:
        async with database.transaction():
            await stored.end(grant, "by its person")
            await audit.record(audit.Actor("person", visit.person.id), "program.ended", grant.client_id)
    return visit.go("/account?done=program")


async def invitation_page(visit: Visit) -> Response:
    """What one is invited to; for somebody new also the form for an account."""
    invitation = await _invitation(visit)
    if visit.person:
        return visit.page("invitation.html", invitation=invitation)
    if await accounts.find(invitation.email):
        return visit.go(sign_in_first(visit))
    return visit.page("sign-up.html", error="", name="", email=invitation.email, invitation=invitation)


async def accept(visit: Visit) -> Response:
    """Join the shop, with an account that is opened now if need be: the link proves whose address it is."""
    invitation = await _invitation(visit)
    if visit.person is not None:
        if visit.person.email != invitation.email:
            text = f"This invitation is for {invitation.email}. Sign out first."
            raise Refused("For somebody else", text, status=403)
        async with database.transaction():
            await _join(invitation, visit.person)
        return visit.go("/account?done=joined")
    name = visit.name
    try:
        kept = await passwords.chosen(visit.form.get("password", ""), name, invitation.email)
        async with database.transaction():
            person = await accounts.open_account(invitation.email, name, kept, verified=True)
            await _join(invitation, person)
            return await visit.signed_in(person, "/account?done=joined", "invitation")
    except accounts.EmailTaken:
        return visit.go(sign_in_first(visit))
    except passwords.WeakPassword as weak:
        return visit.page(
            "sign-up.html", status=422, error=str(weak), name=name, email=invitation.email, invitation=invitation
        )


async def _join(invitation: Invitation, person: Person) -> None:
    member = await members.accept(invitation, person.id)
    if member is None:
        raise _gone()
    row: Any = member
    me, details = audit.Actor("person", person.id), {"role": member.role}
    await audit.record(me, "invitation.accepted", member.id, shop_id=row.shop_id, details=details)


async def _invitation(visit: Visit) -> Invitation:
    invitation = await members.invitation_of(visit.request.query_params.get("code", ""))
    if invitation is None:
        raise _gone()
    return invitation


def _gone() -> Refused:
    text = "It was used or withdrawn, or it is older than a week. Ask for another one."
    return Refused("This invitation no longer works", text, status=410)


def _may_open_shops(visit: Visit) -> bool:
    return visit.person is not None and (visit.person.runs_installation or visit.services.settings.sign_up == "open")


async def _programs(person_id: str) -> list[dict[str, Any]]:
    """The grants in force that were used, with what they allow."""
    found = Grant.filter(person_id=person_id, revoked_at=None, used_at__isnull=False)
    rows = await found.using_db(database.writer()).order_by("-used_at").limit(50)
    programs: list[dict[str, Any]] = []
    for row in rows:
        client = await clients.find(row.client_id)
        meanings = [scopes.MEANINGS[scope] for scope in row.scope.split()]
        programs.append(
            {"grant": row.id, "name": client.name if client else row.client_id, "may": meanings, "used_at": row.used_at}
        )
    return programs
