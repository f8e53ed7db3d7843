"""Signing in without a password: as a guest, as somebody new, or as one of the shop's real customers."""

import secrets

from starlette.responses import Response

from server.demo.customers import NEW
from server.demo.storefront import Refused, Storefront


async def choose(front: Storefront) -> Response:
    """Who would you like to be?"""
    circles = await front.customers.of(front.assortment.shop)
    return front.page("account.html", circles=circles)


async def sign_in(front: Storefront) -> Response:
    """Become a guest (`shopper_id` empty), somebody new, or one of the customers on offer."""
    wanted = front.form.get("shopper_id", "")
    circles = await front.customers.of(front.assortment.shop)
    known = {one.shopper_id: one.orders for circle in circles for one in circle.customers}
    if wanted == NEW:
        wanted = f"{NEW}-{secrets.token_hex(4)}"
    elif wanted and wanted not in known:
        raise Refused("This customer is not among those the demo offers.")
    return front.changed(front.visit.signed_in(wanted, known.get(wanted, 0)), front.home, "You are signed in.")
