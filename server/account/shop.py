"""The page of a shop: who works for it, its keys, what was changed; and the way out of it."""

from typing import Any

from starlette.responses import Response

from server.access import keys, trail
from server.account.places import Place
from server.account.visits import Refused
from server.shops import members
from server.shops.models import Member
from server.shops.roles import ROLES
from server.storage import database

_DONE = {
    "invited": "The invitation is on its way.",
    "role": "The role was changed.",
    "removed": "They no longer work for this shop.",
    "withdrawn": "The invitation no longer works.",
    "revoked": "The key no longer works.",
}
_MOST = 200  # rows of a list on the page; the API has pages of the rest
_NEWEST, _PER_PAGE = 8, 50
_LARGEST_ID = 2**63 - 1


async def page(place: Place, *, error: str = "", status: int = 422, made: Any = None) -> Response:
    """All of it. `made`: a new key's row and the key itself, which is shown this once."""
    working: list[Any] = []
    used: list[Any] = []
    newest: list[Any] = []
    if place.is_owned:
        working = await members.listing(place.shop, after="", most=_MOST)
        used = await keys.listing(place.shop, after="", most=_MOST)
        newest = await trail.entries(place.shop, before=None, most=_NEWEST)
    return place.visit.page(
        "shop.html",
        status=status if error else 200,
        place=place,
        error=error,
        made=made,
        done=_DONE.get(place.visit.request.query_params.get("done", ""), ""),
        members=[one for one in working if isinstance(one, Member)],
        invitations=[one for one in working if not isinstance(one, Member)],
        keys=used,
        entries=newest,
        roles=ROLES,
        most=_MOST,
    )


async def log(place: Place) -> Response:
    """The whole audit log, page by page."""
    asked = place.visit.request.query_params.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 20 else None
    found = await trail.entries(place.shop, before=before and min(before, _LARGEST_ID), most=_PER_PAGE + 1)
    entries = found[:_PER_PAGE]
    older = entries[-1][0].id if len(found) > _PER_PAGE else None
    return place.visit.page("audit.html", place=place, entries=entries, older=older)


async def ask_to_leave(place: Place) -> Response:
    """Whether they mean it."""
    text = "You lose access at once, and only an owner can invite you again."
    return place.ask(f"Leave {place.shop.name}?", text, "Leave the shop")


async def leave(place: Place) -> Response:
    """End one's own membership."""
    try:
        async with database.transaction():
            await members.remove(place.shop, place.member.id)
            await place.record("member.left", place.member.id)
    except members.LastOwner:
        text = "You are its last owner. Make somebody else an owner first."
        raise Refused("The last owner cannot leave", text, status=409) from None
    return place.visit.go("/account?done=left")
