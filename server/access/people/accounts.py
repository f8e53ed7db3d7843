"""Accounts: made, verified, signed in to, given a new password. Nothing here tells a stranger who has one."""

import re
import unicodedata
from datetime import UTC, datetime

from tortoise.exceptions import IntegrityError

from server.access.people import links, passwords, sessions
from server.access.people.models import Person
from server.storage import database
from server.storage.identifiers import new_id

# one @, no spaces, a dot in the domain: whether the address exists only a letter to it can tell
_NOT_IN_ONE = r'\s@\x00-\x1f\x7f-\x9f"(),:;<>\[\]\\'
_EMAIL = re.compile(rf"[^{_NOT_IN_ONE}]{{1,64}}@[^{_NOT_IN_ONE}.]+(\.[^{_NOT_IN_ONE}.]+)+")
_LONGEST_EMAIL = 254  # RFC 5321


class NotAnEmail(ValueError):  # noqa: N818 - it reads as what happened
    """What was given cannot be an e-mail address."""


class EmailTaken(ValueError):  # noqa: N818
    """Somebody has an account with this address."""


def email_of(text: str) -> str:
    """The address as it is kept and compared: in small letters, without spaces around it.

    Raises:
        NotAnEmail: it is none.

    """
    email = unicodedata.normalize("NFKC", text).strip().lower()
    if len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise NotAnEmail(text)
    return email


async def find(email: str) -> Person | None:
    """The person with this address."""
    return await Person.get_or_none(email=email, using_db=database.writer())


async def open_account(
    email: str, name: str, password_hash: str | None, *, verified: bool = False, runs_installation: bool = False
) -> Person:
    """A new account; without a password (`passwords.chosen`) its person signs in elsewhere.

    Raises:
        EmailTaken: there is one with this address.

    """
    now = datetime.now(UTC)
    try:
        async with database.transaction():
            return await Person.create(
                id=new_id("person"),
                email=email,
                name=name,
                password_hash=password_hash,
                verified_at=now if verified else None,
                runs_installation=runs_installation,
            )
    except IntegrityError:
        raise EmailTaken(email) from None


async def recognise(email: str, password: str) -> Person | None:
    """The person with this address and password, verified or not; None for anybody else."""
    person = await find(email)
    right = await passwords.matches(password, person.password_hash if person else None)
    if person is None or not right or person.password_hash is None:
        return None
    if passwords.is_outdated(person.password_hash):
        await Person.filter(id=person.id).update(password_hash=await passwords.hashed(password))
    return person


async def verify(person: Person) -> None:
    """Take note that the person reads mail at their address."""
    if person.verified_at is None:
        person.verified_at = datetime.now(UTC)
        await person.save(update_fields=["verified_at"])


async def take_over(person: Person) -> None:
    """The address is proven by somebody to whom an account that was never confirmed need not belong: what its maker
    chose no longer counts.
    """
    await Person.filter(id=person.id).update(password_hash=None, verified_at=datetime.now(UTC))
    await sessions.end_all(person)
    await links.withdraw(person, "verify")
    await links.withdraw(person, "reset")


async def set_password(person: Person, password_hash: str, *, stay: str = "") -> None:
    """Give the person another password (`passwords.chosen`). All their sessions end, but the one whose cookie is
    `stay`; links in older letters stop working.
    """
    person.password_hash = password_hash
    await person.save(update_fields=["password_hash"])
    await links.withdraw(person, "reset")
    await sessions.end_all(person, but=stay)


async def installation_has_owner() -> bool:
    """Whether `vitrina-server create-owner` was run."""
    return await Person.filter(runs_installation=True).using_db(database.reader()).exists()
