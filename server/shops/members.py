"""Members of a shop: invited by e-mail, given a role, removed. A shop that has owners keeps at least one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError

from server.shops.models import Invitation, Member, Shop
from server.shops.roles import Role, rank
from server.storage import database
from server.storage.codes import hash_of, new_code
from server.storage.identifiers import new_id

INVITATION_LASTS = timedelta(days=7)
MOST_INVITATIONS = 200  # open ones of one shop: nobody hires more people at once, and each is a letter to a stranger


class LastOwner(ValueError):  # noqa: N818 - it reads as what happened
    """The shop would be left without an owner."""


class AlreadyMember(ValueError):  # noqa: N818
    """The person is a member of the shop."""


class TooManyInvitations(ValueError):  # noqa: N818
    """The shop has `MOST_INVITATIONS` open invitations."""


async def add(shop_id: str, person_id: str, role: Role, *, connection: BaseDBAsyncClient | None = None) -> Member:
    """Make a person a member.

    Raises:
        AlreadyMember: they are.

    """
    try:
        return await Member.create(
            using_db=connection or database.writer(),
            id=new_id("member"),
            shop_id=shop_id,
            person_id=person_id,
            role=role,
        )
    except IntegrityError:
        raise AlreadyMember(person_id) from None


async def listing(shop: Shop, *, after: str, most: int) -> list[Member | Invitation]:
    """Members, each with its person, and invitations, in the order of their ids, from the one behind `after`."""
    wanted = {"shop_id": shop.id, "id__gt": after}
    invited = await Invitation.filter(**wanted).using_db(database.reader()).order_by("id").limit(most)
    found = Member.filter(**wanted).using_db(database.reader()).select_related("person").order_by("id")
    both: list[Member | Invitation] = [*invited, *await found.limit(most)]
    return sorted(both, key=lambda one: one.id)[:most]


async def find(shop: Shop, member_id: str) -> Member | Invitation | None:
    """The member, with the person, or the invitation that has this id."""
    wanted = {"shop_id": shop.id, "id": member_id}
    member = await Member.filter(**wanted).using_db(database.reader()).select_related("person").first()
    return member or await Invitation.filter(**wanted).using_db(database.reader()).first()


async def invite(shop: Shop, email: str, role: Role) -> tuple[Invitation, str]:
    """An invitation and the code of its link. Inviting an address again replaces the earlier invitation.

    Raises:
        AlreadyMember: somebody with this address is a member.
        TooManyInvitations: too many are open.

    """
    if await Member.filter(shop_id=shop.id, person__email=email).exists():
        raise AlreadyMember(email)
    code = new_code()
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await _hold(shop.id, connection)
        await Invitation.filter(shop_id=shop.id, email=email).using_db(connection).delete()
        open_ones = Invitation.filter(shop_id=shop.id, expires_at__gt=now).using_db(connection)
        if await open_ones.count() >= MOST_INVITATIONS:
            raise TooManyInvitations
        invitation = await Invitation.create(
            using_db=connection,
            id=new_id("invitation"),
            shop=shop,
            email=email,
            role=role,
            hash=hash_of(code),
            expires_at=now + INVITATION_LASTS,
        )
    return invitation, code


async def invitation_of(code: str) -> Invitation | None:
    """The invitation whose link has this code, with its shop, as long as it works."""
    now = datetime.now(UTC)
    found = Invitation.filter(hash=hash_of(code), expires_at__gt=now).using_db(database.writer())
    return await found.select_related("shop").first()


async def is_invited(email: str) -> bool:
    """Whether any shop invited this address."""
    found = Invitation.filter(email=email, expires_at__gt=datetime.now(UTC))
    return await found.using_db(database.writer()).exists()


async def accept(invitation: Invitation, person_id: str) -> Member | None:
    """Make the person a member, as they were invited. None if the invitation was used or withdrawn meanwhile.

    Who is a member already keeps the higher role.
    """
    row: Any = invitation
    async with database.transaction() as connection:
        if await Invitation.filter(id=row.id, hash=row.hash).using_db(connection).delete() != 1:
            return None
        member = await Member.get_or_none(shop_id=row.shop_id, person_id=person_id, using_db=connection)
        if member is None:
            return await add(row.shop_id, person_id, row.role, connection=connection)
        if rank(row.role) > rank(member.role):
            member.role = row.role
            await member.save(using_db=connection, update_fields=["role"])
        return member


async def withdraw(shop: Shop, invitation_id: str) -> bool:
    """Make an invitation worthless. False if the shop has no such invitation."""
    return await Invitation.filter(shop_id=shop.id, id=invitation_id).delete() == 1


async def change_role(shop: Shop, member_id: str, role: Role) -> Member | None:
    """Give a member another role. None if the shop has no such member.

    Raises:
        LastOwner: nobody would own the shop.

    """
    async with database.transaction() as connection:
        member = await _held(shop, member_id, connection)
        if member is None:
            return None
        if role != "owner":
            await _keep_an_owner(member, connection)
        member.role = role
        await member.save(using_db=connection, update_fields=["role"])
    return member


async def remove(shop: Shop, member_id: str) -> bool:
    """End a membership. False if the shop has no such member.

    Raises:
        LastOwner: nobody would own the shop.

    """
    async with database.transaction() as connection:
        member = await _held(shop, member_id, connection)
        if member is None:
            return False
        await _keep_an_owner(member, connection)
        await member.delete(using_db=connection)
    return True


async def memberships_of(person_id: str) -> list[Member]:
    """The person's memberships, each with its shop, in the order in which they began."""
    return await (
        Member.filter(person_id=person_id).using_db(database.reader()).select_related("shop").order_by("created_at")
    )


async def _held(shop: Shop, member_id: str, connection: BaseDBAsyncClient) -> Member | None:
    await _hold(shop.id, connection)
    return await Member.get_or_none(shop_id=shop.id, id=member_id, using_db=connection)


async def _hold(shop_id: str, connection: BaseDBAsyncClient) -> None:
    """Keep others from changing the shop's members until the transaction ends: two owners who leave at the same moment
    must not both see the other one stay. SQLite has one writer anyway.
    """
    await Shop.filter(id=shop_id).using_db(connection).select_for_update().first()


async def _keep_an_owner(leaving: Member, connection: BaseDBAsyncClient) -> None:
    row: Any = leaving
    if leaving.role != "owner":
        return
    others = Member.filter(shop_id=row.shop_id, role="owner").exclude(id=leaving.id).using_db(connection)
    if not await others.exists():
        raise LastOwner(leaving.id)
