"""Whose page of a shop this is: the shop, the visitor's membership, and what the API's policies let them do there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from server.access.policies import OWNED, Policy, refusal
from server.access.principal import Principal
from server.account.visits import Endpoint, Refused, Visit, for_persons
from server.shops import audit, members
from server.shops.models import Member, Shop
from server.shops.roles import ROLES, rank


@dataclass(frozen=True)
class Place:
    """A shop, as one of its members sees it."""

    visit: Visit
    shop: Shop
    member: Member

    @property
    def address(self) -> str:
        """The address of the shop's page."""
        return f"/account/shops/{self.shop.id}"

    @property
    def me(self) -> audit.Actor:
        """The visitor, for the audit log."""
        assert self.visit.person
        return audit.Actor("person", self.visit.person.id)

    @property
    def is_owned(self) -> bool:
        """Whether the visitor may see and change who works here, and the keys."""
        return self._refusal(OWNED, "POST") is None

    def require(self, policy: Policy) -> None:
        """Raise Refused where the API would refuse the visitor as well."""
        method = self.visit.request.method
        reason = self._refusal(policy, method)
        if reason is not None:
            raise Refused("Not allowed", reason, status=403)

    async def record(self, action: str, subject: str = "", **details: Any) -> None:
        """Write down what the visitor changes; belongs into the transaction of the change."""
        await audit.record(self.me, action, subject, shop_id=self.shop.id, details=details)

    def ask(self, title: str, text: str, button: str) -> Response:
        """A page that asks once more; its form goes to the page's own address."""
        return self.visit.page("confirm.html", title=title, text=text, button=button, back=self.address)

    def _refusal(self, policy: Policy, method: str) -> str | None:
        ranks = ((self.shop.id, rank(self.member.role)),)
        principal = Principal("member", self.me.id, "", ranks=ranks, scope_rank=len(ROLES))
        return refusal(policy, principal, "", method, self.shop.id)


Handler = Callable[[Place], Awaitable[Response]]


def of_shop(handler: Handler, policy: Policy | None = None) -> Endpoint:
    """How a handler becomes the endpoint of a shop's page, for its members; without a policy for all of them."""

    async def find(visit: Visit) -> Response:
        assert visit.person
        wanted = visit.request.path_params["shop_id"]
        mine = [one for one in await members.memberships_of(visit.person.id) if one.shop.id == wanted]
        if not mine:
            raise Refused("No such shop", "There is none at this address, or it is not yours.", status=404)
        place = Place(visit, mine[0].shop, mine[0])
        if policy is not None:
            place.require(policy)
        return await handler(place)

    return for_persons(find)
