"""Keys of a shop: make one, replace it, revoke it."""

import re
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from server.access import keys, origins
from server.access.keys import PREFIXES
from server.account import shop
from server.account.places import Place
from server.account.visits import Refused
from server.storage import database

_OVERLAP = timedelta(days=1)  # as the API has it where nothing is said
_ORIGIN = re.compile(origins.PATTERN)
_LONGEST_ORIGIN = 255


async def make(place: Place) -> Response:
    """Make a key, and show it."""
    form = place.visit.form
    pages = form.get("origins", "").replace(",", " ").split()
    kind: Any = form.get("kind", "")
    error = _mistake(kind, pages)
    if error:
        return await shop.page(place, error=error)
    async with database.transaction():
        made = await keys.create(place.shop, kind, name=place.visit.name, origins=origins.as_browsers_send(pages))
        await place.record("key.made", made[0].id, kind=kind, name=place.visit.name)
    return await shop.page(place, made=made)


async def ask_to_replace(place: Place) -> Response:
    """Whether they mean it."""
    text = (
        "You get a new key of the same kind and name. The old one works for another day, so that you can change over."
    )
    return place.ask(f"Replace {await _called(place)}?", text, "Make its successor")


async def replace(place: Place) -> Response:
    """Make a key that follows this one, and show it."""
    services = place.visit.services
    async with database.transaction():
        made = await keys.rotate(place.shop, _key_id(place), services.redis, overlap=_OVERLAP)
        if made is None:
            raise _no_key()
        await place.record("key.replaced", _key_id(place), successor=made[0].id)
    services.credentials.forget()
    return await shop.page(place, made=made)


async def ask_to_revoke(place: Place) -> Response:
    """Whether they mean it."""
    text = "Whatever uses it stops working within a second, and it cannot be brought back."
    return place.ask(f"Revoke {await _called(place)}?", text, "Revoke the key")


async def revoke(place: Place) -> Response:
    """Make the key worthless."""
    services = place.visit.services
    async with database.transaction():
        if not await keys.revoke(place.shop, _key_id(place), services.redis):
            raise _no_key()
        await place.record("key.revoked", _key_id(place))
    services.credentials.forget()
    return place.visit.go(f"{place.address}?done=revoked")


def _mistake(kind: str, pages: list[str]) -> str:
    """What is wrong with a key that is asked for; empty for nothing."""
    if kind not in PREFIXES:
        return "Choose which kind of key to make."
    if kind == "secret" and pages:
        return "A secret key never works in a browser, so it has no pages. Leave them out."
    if len(pages) > origins.MOST:
        return f"A key can list {origins.MOST} pages at most."
    wrong = [one for one in pages if len(one) > _LONGEST_ORIGIN or not _ORIGIN.fullmatch(one)]
    return f"{wrong[0][:80]} is no scheme and host such as https://shop.example." if wrong else ""


async def _called(place: Place) -> str:
    """The key, as a person knows it."""
    found = await keys.in_use().filter(shop_id=place.shop.id, id=_key_id(place)).first()
    if found is None:
        raise _no_key()
    return f"the key {found.name or found.kind} (…{found.last4})"


def _key_id(place: Place) -> str:
    return place.visit.request.path_params["key_id"]


def _no_key() -> Refused:
    return Refused("No such key", "It was revoked, or it ran out.", status=404)
