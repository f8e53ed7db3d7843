"""Who works for a shop: list, invite, give another role, remove."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.access import inviting
from server.access.people.accounts import NotAnEmail
from server.access.policies import PEOPLE
from server.api.operation import Answer, Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.patience import wait
from server.api.problems import Problem, invalid, not_found
from server.shops import members
from server.shops.models import Member
from server.shops.roles import Role
from server.storage.identifiers import may_be_id


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to invite."""

    email: Annotated[str, Meta(min_length=3, max_length=254)]
    role: Role


class RoleChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another role for a member."""

    role: Role


class PublicMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member, or somebody who was invited and has not accepted yet."""

    id: str
    status: Literal["member", "invited"]
    email: str
    name: str = ""
    role: Role
    created_at: datetime
    expires_at: Annotated[datetime | None, Meta(description="Of an invitation.")] = None


class MemberPage(msgspec.Struct, frozen=True):
    """One page of members and invitations."""

    data: list[PublicMember]
    next_cursor: str | None


async def listing(call: Call) -> MemberPage:
    """The shop's members and open invitations."""
    query: PageQuery = call.query
    shop = await call.shop()
    after = read_cursor(query.cursor, str) if query.cursor else ""
    found = await members.listing(shop, after=after, most=query.limit + 1)
    page = [_joined(one) if isinstance(one, Member) else _invited(one) for one in found[: query.limit]]
    return MemberPage(page, cursor_after(page[-1].id) if len(found) > query.limit else None)


async def invite(call: Call) -> Answer:
    """Invite somebody by e-mail."""
    wanted: NewMember = call.body
    shop, services = await call.shop(), call.services
    try:
        invitation = await inviting.invite(
            shop, wanted.email, wanted.role, services.attempts, services.post, services.settings.base_url
        )
    except inviting.TooOften as often:
        raise wait(often.seconds) from None
    except NotAnEmail:
        raise invalid("/email", "This is no e-mail address. Send one such as anna@shop.example.") from None
    except members.AlreadyMember:
        detail = "A member of the shop has this address. Change their role with PATCH /v1/members/{id}."
        raise Problem(409, "Already a member", detail) from None
    except members.TooManyInvitations:
        detail = f"{members.MOST_INVITATIONS} invitations are open. Withdraw some with DELETE /v1/members/{{id}}."
        raise Problem(409, "Too many open invitations", detail) from None
    call.note(invitation.id, email=invitation.email, role=wanted.role)
    return Answer(_invited(invitation), status=201)


async def change(call: Call) -> PublicMember:
    """Give a member another role."""
    member_id = _member_id(call)
    wanted: RoleChange = call.body
    try:
        member = await members.change_role(await call.shop(), member_id, wanted.role)
    except members.LastOwner:
        raise _last_owner() from None
    if member is None:
        raise not_found("member", member_id)
    call.note(member_id, role=wanted.role)
    await member.fetch_related("person")
    return _joined(member)


async def remove(call: Call) -> Answer:
    """Remove a member, or withdraw an invitation."""
    member_id = _member_id(call)
    shop = await call.shop()
    try:
        found = await members.remove(shop, member_id) or await members.withdraw(shop, member_id)
    except members.LastOwner:
        raise _last_owner() from None
    if not found:
        raise not_found("member", member_id)
    return Answer(None, status=204)


def _member_id(call: Call) -> str:
    member_id: str = call.path["member_id"]
    if not may_be_id(member_id, 40):
        raise not_found("member", member_id[:40])
    return member_id


def _last_owner() -> Problem:
    detail = "A shop keeps at least one owner. Make somebody else an owner first."
    return Problem(409, "The last owner cannot leave", detail)


def _joined(row: Any) -> PublicMember:
    person = row.person
    return PublicMember(
        id=row.id, status="member", email=person.email, name=person.name, role=row.role, created_at=row.created_at
    )


def _invited(row: Any) -> PublicMember:
    return PublicMember(
        id=row.id,
        status="invited",
        email=row.email,
        role=row.role,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _operation(method: str, path: str, summary: str, handler: Any, **more: Any) -> Operation:
    return Operation(method=method, path=path, policy=PEOPLE, tag="access", summary=summary, handler=handler, **more)


OPERATIONS = (
    _operation(
        "GET",
        "/v1/members",
        "List members and open invitations",
        listing,
        query=PageQuery,
        answers={200: MemberPage},
    ),
    _operation(
        "POST",
        "/v1/members",
        "Invite somebody by e-mail",
        invite,
        description="The letter has a link that works once, for a week. Inviting an address again sends a new one.",
        body=NewMember,
        answers={201: PublicMember},
        problems=(409, 429),
        examples={"body": {"email": "anna@shop.example", "role": "manager"}},
    ),
    _operation(
        "PATCH",
        "/v1/members/{member_id}",
        "Give a member another role",
        change,
        body=RoleChange,
        answers={200: PublicMember},
        problems=(404, 409),
        examples={"body": {"role": "analyst"}},
    ),
    _operation(
        "DELETE",
        "/v1/members/{member_id}",
        "Remove a member, or withdraw an invitation",
        remove,
        description="Their access ends within a second.",
        answers={204: None},
        problems=(404, 409),
    ),
)
