"""Sign up, confirm the address, sign in and out."""

from urllib.parse import urlencode

from starlette.responses import Response

from server.access import attempts
from server.access.people import accounts, links, passwords
from server.access.people.models import Person
from server.account.visits import Refused, Visit
from server.mail import letters
from server.shops import audit
from server.storage import database

_WRONG = "The e-mail address or the password is wrong."


async def sign_in_page(visit: Visit) -> Response:
    """The way in; straight on for whoever is in."""
    onwards = visit.next_from(visit.request.query_params.get("next"))
    return visit.go(onwards) if visit.person else _sign_in_page(visit)


async def sign_in(visit: Visit) -> Response:
    """Check address and password."""
    email = _typed_email(visit)
    pair = (attempts.SIGN_IN_FROM_ADDRESS_TO_MAILBOX, f"{visit.address} {email}")
    await visit.limit(pair, (attempts.SIGN_IN_FROM_ADDRESS, visit.address), (attempts.SIGN_IN_TO_MAILBOX, email))
    person = await accounts.recognise(email, visit.form.get("password", ""))
    if person is None:
        return _sign_in_page(visit, error=_WRONG, email=email)
    await visit.services.attempts.forget(*pair)
    if person.verified_at is None:
        await limit_letters(visit, person.email)
        async with database.transaction():
            await _ask_to_confirm(visit, person)
        return visit.page("letter-sent.html", email=email, why="Confirm your address first")
    return await visit.signed_in(person, visit.next_from(visit.request.query_params.get("next")), "password")


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    return await visit.signed_out("/sign-in")


async def sign_up_page(visit: Visit) -> Response:
    """The form for a new account, where people may open one by themselves."""
    return visit.page("sign-up.html", error="", name="", email="", invitation=None)


async def sign_up(visit: Visit) -> Response:
    """Open an account that waits for its address to be confirmed. Whether the address has one, only a letter tells."""
    if visit.services.settings.sign_up != "open":
        raise Refused("By invitation", "Accounts are opened by invitation here. Ask an owner of the shop.", status=403)
    name, email, error = visit.name, visit.form.get("email", ""), ""
    try:
        email = accounts.email_of(email)
        passwords.check(visit.form.get("password", ""), name, email)
    except accounts.NotAnEmail:
        error = "This is no e-mail address."
    except passwords.WeakPassword as weak:
        error = str(weak)
    if error:
        return visit.page("sign-up.html", status=422, error=error, name=name, email=email[:254], invitation=None)
    await limit_letters(visit, email)
    kept = await passwords.hashed(visit.form.get("password", ""))
    try:
        async with database.transaction():
            person = await accounts.open_account(email, name, kept)
            await audit.record(audit.Actor("person", person.id), "signed-up")
            await _ask_to_confirm(visit, person)
    except accounts.EmailTaken:
        await visit.send(letters.already_known(email, visit.url, f"{visit.url}/sign-in"))
    return visit.page("letter-sent.html", email=email, why="Look into your mailbox")


async def verify_page(visit: Visit) -> Response:
    """The page behind the link; a button, because programs that check mail open links too."""
    if await links.reader_of(visit.request.query_params.get("code", ""), "verify") is None:
        raise _stale_link()
    return visit.page("verify.html")


async def verify(visit: Visit) -> Response:
    """Take note that the address is theirs, and let them in."""
    async with database.transaction():
        person = await links.use(visit.request.query_params.get("code", ""), "verify")
        if person is None:
            raise _stale_link()
        await accounts.verify(person)
        return await visit.signed_in(person, "/account", "letter")


async def limit_letters(visit: Visit, email: str) -> None:
    """Nobody's mailbox is filled from here, and nobody fills many."""
    await visit.limit((attempts.LETTERS_TO_MAILBOX, email), (attempts.LETTERS_FROM_ADDRESS, visit.address))


async def _ask_to_confirm(visit: Visit, person: Person) -> None:
    link = f"{visit.url}/verify?{urlencode({'code': await links.make(person, 'verify')})}"
    await visit.send(letters.verify(person.email, visit.url, link))


def _typed_email(visit: Visit) -> str:
    """The address that was typed; what is none is nobody's."""
    try:
        return accounts.email_of(visit.form.get("email", ""))
    except accounts.NotAnEmail:
        return ""


def _sign_in_page(visit: Visit, *, error: str = "", email: str = "") -> Response:
    return visit.page(
        "sign-in.html",
        status=422 if error else 200,
        next=visit.next_from(visit.request.query_params.get("next"), ""),
        providers=visit.services.outside.titles(),
        error=error,
        email=email,
    )


def _stale_link() -> Refused:
    return Refused(
        "This link no longer works", "It was used, or it is too old. Sign in to be sent another.", status=410
    )
