"""Links that are mailed to a person: each proves that its reader has the mailbox, once, for a while."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from server.access.people.models import Link, Person
from server.storage import database
from server.storage.codes import hash_of, new_code

Purpose = Literal["verify", "reset"]
_LASTS: dict[Purpose, timedelta] = {"verify": timedelta(days=2), "reset": timedelta(hours=1)}


async def make(person: Person, purpose: Purpose) -> str:
    """The code of a new link; older ones for the same purpose stop working."""
    await withdraw(person, purpose)
    code = new_code()
    await Link.create(
        hash=hash_of(code), person=person, purpose=purpose, expires_at=datetime.now(UTC) + _LASTS[purpose]
    )
    return code


async def reader_of(code: str, purpose: Purpose) -> Person | None:
    """Whose link this is, as long as it works; it goes on working."""
    link = await _working(code, purpose).select_related("person").first()
    return link.person if link else None


async def use(code: str, purpose: Purpose) -> Person | None:
    """Whose link this is; from now on it is worth nothing. Of several who use it at once, one is given the person."""
    person = await reader_of(code, purpose)
    if person is None or await Link.filter(hash=hash_of(code), purpose=purpose).delete() != 1:
        return None
    return person


async def withdraw(person: Person, purpose: Purpose) -> None:
    """Make the person's links for this purpose worthless."""
    await Link.filter(person_id=person.id, purpose=purpose).delete()


def _working(code: str, purpose: Purpose):
    now = datetime.now(UTC)
    return Link.filter(hash=hash_of(code), purpose=purpose, expires_at__gt=now).using_db(database.writer())
