"""Who works for a shop: invite them, give them another role, let them go."""

from typing import Any

from starlette.responses import Response

from server.access import inviting
from server.access.people.accounts import NotAnEmail
from server.account import shop
from server.account.places import Place
from server.account.visits import Refused
from server.shops import members
from server.shops.models import Invitation, Member
from server.shops.roles import ROLES, Role
from server.storage import database
from server.storage.identifiers import may_be_id

_LAST = "A shop keeps at least one owner. Make somebody else an owner first."


async def invite(place: Place) -> Response:
    """Send somebody an invitation."""
    role, services = _role(place), place.visit.services
    try:
        async with database.transaction():
            invitation = await inviting.invite(
                place.shop, place.visit.form.get("email", ""), role, services.attempts, services.post, place.visit.url
            )
            await place.record("member.invited", invitation.id, email=invitation.email, role=role)
    except NotAnEmail:
        return await shop.page(place, error="This is no e-mail address.")
    except members.AlreadyMember:
        return await shop.page(place, error="They work for this shop already.", status=409)
    except members.TooManyInvitations:
        error = f"{members.MOST_INVITATIONS} invitations are open. Withdraw some first."
        return await shop.page(place, error=error, status=409)
    except inviting.TooOften as often:
        text = f"Too many letters were sent. Try again in {-(-often.seconds // 60)} minutes."
        raise Refused("One moment", text, status=429, wait_s=often.seconds) from None
    return place.visit.go(f"{place.address}?done=invited")


async def change_role(place: Place) -> Response:
    """Give a member another role."""
    role, member_id = _role(place), _member_id(place)
    try:
        async with database.transaction():
            if await members.change_role(place.shop, member_id, role) is None:
                raise _nobody()
            await place.record("member.role-changed", member_id, role=role)
    except members.LastOwner:
        return await shop.page(place, error=_LAST, status=409)
    return place.visit.go(f"{place.address}?done=role")


async def ask_to_remove(place: Place) -> Response:
    """Whether they mean it."""
    found = await _find(place)
    if isinstance(found, Member):
        row: Any = found
        text = "Their access ends at once, also that of programs that act for them."
        return place.ask(f"Remove {row.person.email}?", text, "Remove")
    return place.ask(f"Withdraw the invitation of {found.email}?", "Its link stops working.", "Withdraw")


async def remove(place: Place) -> Response:
    """End a membership, or withdraw an invitation."""
    found = await _find(place)
    is_member = isinstance(found, Member)
    try:
        async with database.transaction():
            gone = await (members.remove if is_member else members.withdraw)(place.shop, found.id)
            if not gone:
                raise _nobody()
            await place.record("member.removed" if is_member else "invitation.withdrawn", found.id)
    except members.LastOwner:
        return await shop.page(place, error=_LAST, status=409)
    return place.visit.go(f"{place.address}?done={'removed' if is_member else 'withdrawn'}")


async def _find(place: Place) -> Member | Invitation:
    member_id = _member_id(place)
    found = await members.find(place.shop, member_id)
    if found is None:
        raise _nobody()
    return found


def _role(place: Place) -> Role:
    role = place.visit.form.get("role", "")
    for known in ROLES:
        if role == known:
            return known
    raise Refused("No such role", f"Choose one of {', '.join(ROLES)}.", status=422)


def _member_id(place: Place) -> str:
    member_id: str = place.visit.request.path_params["member_id"]
    if not may_be_id(member_id, 40):
        raise _nobody()
    return member_id


def _nobody() -> Refused:
    return Refused("Nobody there", "They may have left the shop, or the invitation was used.", status=404)
