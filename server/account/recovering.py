"""Passwords: forgotten, replaced, changed; and signing out everywhere."""

from urllib.parse import urlencode

from starlette.responses import Response

from server.access import attempts
from server.access.people import accounts, links, passwords, sessions
from server.access.people.models import Person
from server.account.belonging import home
from server.account.entering import limit_letters
from server.account.visits import Refused, Visit
from server.mail import letters
from server.shops import audit
from server.storage import database


async def forgotten_page(visit: Visit) -> Response:
    """Where to send the link?"""
    return visit.page("forgotten.html", error="", email="")


async def forgotten(visit: Visit) -> Response:
    """Send a link, if there is an account; the page says the same in any case."""
    try:
        email = accounts.email_of(visit.form.get("email", ""))
    except accounts.NotAnEmail:
        return visit.page(
            "forgotten.html", status=422, error="This is no e-mail address.", email=visit.form.get("email", "")[:254]
        )
    await limit_letters(visit, email)
    person = await accounts.find(email)
    if person is not None:
        async with database.transaction():
            link = f"{visit.url}/reset?{urlencode({'code': await links.make(person, 'reset')})}"
            await visit.send(letters.reset(email, visit.url, link))
    return visit.page("letter-sent.html", email=email, why="Look into your mailbox")


async def reset_page(visit: Visit) -> Response:
    """The form for another password."""
    if await links.reader_of(_code(visit), "reset") is None:
        raise _stale_link()
    return visit.page("reset.html", error="")


async def reset(visit: Visit) -> Response:
    """Set it. The link is used up only by a password that is good enough."""
    person = await links.reader_of(_code(visit), "reset")
    if person is None:
        raise _stale_link()
    try:
        kept = await passwords.chosen(visit.form.get("password", ""), person.name, person.email)
    except passwords.WeakPassword as weak:
        return visit.page("reset.html", status=422, error=str(weak))
    async with database.transaction():
        if await links.use(_code(visit), "reset") is None:
            raise _stale_link()
        await accounts.verify(person)  # the link came to that address
        await accounts.set_password(person, kept)
        await _tell(visit, person)
        return await visit.signed_in(person, "/account", "letter")


async def change(visit: Visit) -> Response:
    """Another password for somebody who knows theirs."""
    assert visit.person
    person = visit.person
    await visit.limit((attempts.SIGN_IN_FROM_ADDRESS_TO_MAILBOX, f"{visit.address} {person.email}"))
    if person.password_hash and await accounts.recognise(person.email, visit.form.get("current", "")) is None:
        return await home(visit, error="Your current password is another one.")
    if not person.password_hash:
        return await home(visit, error="You sign in elsewhere. Ask for a link under “Forgotten your password?” first.")
    try:
        kept = await passwords.chosen(visit.form.get("password", ""), person.name, person.email)
    except passwords.WeakPassword as weak:
        return await home(visit, error=str(weak))
    async with database.transaction():
        await accounts.set_password(person, kept, stay=visit.session_cookie)
        await _tell(visit, person)
        return await visit.signed_in(person, "/account?done=password", "password")


async def end_sessions(visit: Visit) -> Response:
    """Sign out in all other browsers."""
    assert visit.person
    async with database.transaction():
        await sessions.end_all(visit.person, but=visit.session_cookie)
        await audit.record(audit.Actor("person", visit.person.id), "sessions.ended")
    return visit.go("/account?done=sessions")


async def _tell(visit: Visit, person: Person) -> None:
    await audit.record(audit.Actor("person", person.id), "password.changed")
    await visit.send(letters.password_changed(person.email, visit.url, f"{visit.url}/forgotten"))


def _code(visit: Visit) -> str:
    return visit.request.query_params.get("code", "")


def _stale_link() -> Refused:
    return Refused("This link no longer works", "It was used, or it is older than an hour.", status=410)
