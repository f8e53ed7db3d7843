"""`Post`: hands letters over. Sending takes seconds and may fail, so it happens beside the request, with a few tries.

Without the setting `smtp_url` each letter becomes a file in `mail/` in the data folder, and a line in the log: enough
for one machine and for trying out.
"""

import asyncio
import smtplib
import ssl
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from server.mail.letters import Letter
from server.settings import Settings

_TIMEOUT_S = 20
_PAUSES_S = (2, 15, 60)  # before the second, third and fourth attempt
_MOST_WAITING = 1_000  # letters; more than that is an attack or a dead mail server
_STOP_WITHIN_S = 2.0

log = structlog.get_logger(__name__)


class Post:
    """One per process. `send` returns at once; `stop` waits a moment for what is under way."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, letter: Letter) -> None:
        """Have a letter sent."""
        if len(self._sending) >= _MOST_WAITING:
            log.error("mail.refused", reason="too many letters wait already", subject=letter.subject)
            return
        task = asyncio.create_task(self._deliver(letter))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def stop(self) -> None:
        """Wait a moment for letters under way; whoever misses one asks for another."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=_STOP_WITHIN_S)
        for task in self._sending:
            task.cancel()

    async def _deliver(self, letter: Letter) -> None:
        message = _message(letter, self._settings)
        if not self._settings.smtp_url:
            path = await asyncio.to_thread(_keep, message, self._settings.folder / "mail")
            log.warning("mail.kept", subject=letter.subject, file=str(path), reason="no `smtp_url` is set")
            return
        for pause_s in (*_PAUSES_S, None):
            try:
                await asyncio.to_thread(_send, message, self._settings.smtp_url)
            except (OSError, smtplib.SMTPException) as error:
                # the error's own words may hold an address or a password
                log.warning("mail.not_sent", subject=letter.subject, error=type(error).__name__, again_in_s=pause_s)
                if pause_s is None or _is_final(error):
                    return
                await asyncio.sleep(pause_s)
            else:
                log.info("mail.sent", subject=letter.subject)
                return


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
