"""`Post`: hands letters over. A letter is a row first, in the transaction of what it tells of, so that it goes out
although this process dies; any API process sends what waits, with pauses where the mail server does not take it.

Without the setting `smtp_url` each letter becomes a file in `mail/` in the data folder, and a line in the log: enough
for one machine and for trying out.
"""

import asyncio
import base64
import smtplib
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken

from server.mail.letters import Letter
from server.mail.models import WaitingLetter
from server.settings import Settings
from server.storage import database

_TIMEOUT_S = 20
_PAUSES_S = (2, 15, 60, 300, 900, 3_600)  # before the second and later attempts; links last an hour or more
_CLAIMED_FOR = timedelta(minutes=3)  # longer than a mail server can take; then whoever claimed it is dead
_AT_ONCE = 8
_LOOK_EVERY_S = 5.0  # for what another process left behind, and for what is due again
_MOST_WAITING = 1_000  # letters; more than that is an attack or a dead mail server

log = structlog.get_logger(__name__)


class Post:
    """One per process. `key`: 32 bytes that waiting letters are sealed with. `work` delivers, until it is cancelled."""

    def __init__(self, settings: Settings, key: bytes) -> None:
        self._settings = settings
        self._seal = Fernet(base64.urlsafe_b64encode(key))
        self._news = asyncio.Event()

    async def send(self, letter: Letter) -> None:
        """Have a letter sent, if the transaction around this is committed."""
        if await WaitingLetter.all().using_db(database.writer()).count() >= _MOST_WAITING:
            log.error("mail.refused", reason="too many letters wait already", subject=letter.subject)
            return
        content = self._seal.encrypt(msgspec.json.encode(letter))
        await WaitingLetter.create(using_db=database.writer(), content=content, due_at=datetime.now(UTC))
        await database.after_commit(self._wake)

    async def work(self) -> None:
        """Deliver what is due, now and whenever there is more."""
        while True:
            try:
                await self.deliver()
            except Exception:
                log.exception("mail.not_looked_for")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):  # `wait_for` loses a cancellation that comes with the news
                    await self._news.wait()
            self._news.clear()

    async def deliver(self) -> None:
        """Deliver all that is due now."""
        while claimed := await self._claim():
            await asyncio.gather(*map(self._deliver, claimed))

    async def _wake(self) -> None:
        self._news.set()

    async def _claim(self) -> list[WaitingLetter]:
        """Letters that are due and that no other process has; should this one die, they are due again later."""
        now = datetime.now(UTC)
        due = WaitingLetter.filter(due_at__lte=now).using_db(database.reader()).order_by("due_at").limit(_AT_ONCE)
        claimed: list[WaitingLetter] = []
        for row in await due:
            mine = WaitingLetter.filter(id=row.id, tries=row.tries, due_at__lte=now)
            if await mine.update(tries=row.tries + 1, due_at=now + _CLAIMED_FOR):
                row.tries += 1
                claimed.append(row)
        return claimed

    async def _deliver(self, row: WaitingLetter) -> None:
        try:
            letter = msgspec.json.decode(self._seal.decrypt(row.content), type=Letter)
        except InvalidToken:
            log.error("mail.lost", reason="secret.key in the data folder is another one than when it was written")
            await WaitingLetter.filter(id=row.id).delete()
            return
        if await self._hand_over(letter, row.tries - 1):
            await WaitingLetter.filter(id=row.id).delete()
        else:
            again_at = datetime.now(UTC) + timedelta(seconds=_PAUSES_S[row.tries - 1])
            await WaitingLetter.filter(id=row.id).update(due_at=again_at)

    async def _hand_over(self, letter: Letter, tried: int) -> bool:
        """Whether that was all: the mail server took it, or never will. `tried`: how often it did not so far."""
        message = _message(letter, self._settings)
        if not self._settings.smtp_url:
            path = await asyncio.to_thread(_keep, message, self._settings.folder / "mail")
            log.warning("mail.kept", subject=letter.subject, file=str(path), reason="no `smtp_url` is set")
            return True
        try:
            await asyncio.to_thread(_send, message, self._settings.smtp_url)
        except (OSError, smtplib.SMTPException) as error:
            ends = tried >= len(_PAUSES_S) or _is_final(error)
            again_in_s = None if ends else _PAUSES_S[tried]
            # the error's own words may hold an address or a password
            log.warning("mail.not_sent", subject=letter.subject, error=type(error).__name__, again_in_s=again_in_s)
            return ends
        log.info("mail.sent", subject=letter.subject)
        return True


def _message(letter: Letter, settings: Settings) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2].strip("<> ") or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    message.set_content(letter.text)
    return message


def _keep(message: EmailMessage, folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the links inside open accounts
    path = folder / f"{time.time_ns()}.eml"
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_bytes(bytes(message))
    return draft.rename(path)  # whoever finds a letter finds all of it


def _send(message: EmailMessage, url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    secure = ssl.create_default_context()
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=_TIMEOUT_S, context=secure)
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=_TIMEOUT_S)
    with server:
        server.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=secure)
        elif parts.scheme == "smtp" and parts.username:
            raise smtplib.SMTPNotSupportedError("the server offers no TLS, and a password goes only through TLS")
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def _is_final(error: Exception) -> bool:
    """Whether the mail server said no for good (RFC 5321: 5xx)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
