"""How a browser stays signed in: a random cookie, of which the database keeps a hash.

A session ends when nothing was seen of it for a day, after two weeks in any case, and at once when its person signs
out, changes the password or ends all sessions.
"""

from datetime import UTC, datetime, timedelta

from server.access.people.models import Person, Session
from server.storage import database
from server.storage.codes import hash_of, new_code

LASTS = timedelta(days=14)
IDLE = timedelta(days=1)
_NOTED_EVERY = timedelta(minutes=5)  # when it was last seen need not be known to the second


async def begin(person: Person) -> str:
    """The cookie of a new session."""
    code = new_code()
    await Session.create(hash=hash_of(code), person=person, expires_at=datetime.now(UTC) + LASTS)
    return code


async def person_of(cookie: str) -> Person | None:
    """Who is signed in with this cookie."""
    if not cookie:
        return None
    now = datetime.now(UTC)
    session = await (
        Session.filter(hash=hash_of(cookie), expires_at__gt=now, seen_at__gt=now - IDLE)
        .using_db(database.writer())
        .select_related("person")
        .first()
    )
    if session is None:
        return None
    if now - session.seen_at > _NOTED_EVERY:
        await Session.filter(hash=session.hash).update(seen_at=now)
    return session.person


async def end(cookie: str) -> None:
    """Sign out."""
    await Session.filter(hash=hash_of(cookie)).delete()


async def end_all(person: Person, *, but: str = "") -> None:
    """Sign out everywhere, but in the browser whose cookie is `but`."""
    await Session.filter(person_id=person.id).exclude(hash=hash_of(but)).delete()
