"""Who a person is elsewhere."""

from contextlib import suppress

from tortoise.exceptions import IntegrityError

from server.access.people.models import Identity, Person
from server.storage import database


async def find(issuer: str, subject: str) -> Person | None:
    """The person whom this provider knows as `subject`."""
    found = Identity.filter(issuer=issuer, subject=subject).using_db(database.writer())
    identity = await found.select_related("person").first()
    return identity.person if identity else None


async def link(person: Person, issuer: str, subject: str) -> None:
    """Know the person by this identity too."""
    with suppress(IntegrityError):  # the same sign-in, twice at once
        async with database.transaction():
            await Identity.create(person=person, issuer=issuer, subject=subject)
