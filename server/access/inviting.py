"""Invites somebody to work for a shop: the invitation and its letter, or neither."""

from server.access.attempts import INVITATIONS_OF_SHOP, LETTERS_TO_MAILBOX, Attempts
from server.access.people.accounts import email_of
from server.mail import letters
from server.mail.post import Post
from server.shops import members
from server.shops.models import Invitation, Shop
from server.shops.roles import Role
from server.storage import database


class TooOften(ValueError):  # noqa: N818 - it reads as what happened
    """Too many letters went to this mailbox, or from this shop; `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} seconds to wait")
        self.seconds = seconds


async def invite(shop: Shop, email: str, role: Role, attempts: Attempts, post: Post, url: str) -> Invitation:
    """Invite whoever reads mail at this address. `url`: our own, for the link.

    Raises:
        NotAnEmail: it is no address.
        AlreadyMember, TooManyInvitations: see `members.invite`.
        TooOften: too many letters.

    """
    address = email_of(email)
    seconds = await attempts.seconds_to_wait((LETTERS_TO_MAILBOX, address), (INVITATIONS_OF_SHOP, shop.id))
    if seconds:
        raise TooOften(seconds)
    async with database.transaction():
        invitation, code = await members.invite(shop, address, role)
        link, lasts = f"{url}/invitation?code={code}", members.INVITATION_LASTS
        await post.send(letters.invitation(address, url, link, shop=shop.name, role=role, lasts=lasts))
    return invitation
