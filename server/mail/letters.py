"""What Vitrina writes to people: plain text, one link in it, and what to do if one did not ask for it."""

from datetime import timedelta
from typing import NamedTuple


class Letter(NamedTuple):
    """One e-mail."""

    to: str
    subject: str
    text: str


_FOOTER = "\n\nVitrina at {url}\n"


def verify(to: str, url: str, link: str) -> Letter:
    """Asks a new person to confirm their address."""
    return _letter(to, url, "Confirm your e-mail address", f"""\
Somebody, hopefully you, opened an account with this address. Confirm it here within two days:

{link}

If it was not you, do nothing: without this link the account cannot be used.""")  # fmt: skip


def already_known(to: str, url: str, link: str) -> Letter:
    """Answers a second sign-up, which the page itself must not."""
    return _letter(to, url, "You have an account already", f"""\
Somebody, hopefully you, tried to open an account with this address, which has one. Sign in here:

{link}

If you forgot your password, that page helps as well. If it was not you, do nothing.""")  # fmt: skip


def reset(to: str, url: str, link: str) -> Letter:
    """Lets a person choose another password."""
    return _letter(to, url, "Choose a new password", f"""\
Choose a new password here within an hour:

{link}

If you did not ask for this, do nothing: your password stays as it is.""")  # fmt: skip


def password_changed(to: str, url: str, link: str) -> Letter:
    """Tells a person, so that somebody else's doing does not stay unseen."""
    return _letter(to, url, "Your password was changed", f"""\
Your password was changed just now, and all other browsers were signed out.

If it was not you, choose a new one at once: {link}""")  # fmt: skip


def invitation(to: str, url: str, link: str, *, shop: str, role: str, lasts: timedelta) -> Letter:
    """Asks somebody to become a member of a shop."""
    return _letter(to, url, f"You are invited to {_one_line(shop)}", f"""\
You are invited to work on the shop {_one_line(shop)} as {role}. Accept here within {lasts.days} days:

{link}

If you do not know this shop, do nothing.""")  # fmt: skip


def _letter(to: str, url: str, subject: str, text: str) -> Letter:
    return Letter(to, _one_line(subject), text + _FOOTER.format(url=url))


def _one_line(text: str) -> str:
    """A shop's name is its owner's to choose: it adds no lines to a letter, let alone headers."""
    return " ".join(text.split())
