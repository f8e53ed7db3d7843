"""Letters on a real mail server, and without one."""

import asyncio
from datetime import timedelta
from email.message import EmailMessage

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from server.mail import letters
from server.mail.post import Post
from server.settings import Settings
from tests.account.visitor import letters as written
from tests.journeys.installation import free_port


class Inbox(Message):
    """What came in; refuses addresses that begin with "refused"."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[EmailMessage] = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address.startswith("refused"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message) -> None:
        self.received.append(message)


@pytest.fixture
def inbox():
    handler = Inbox()
    handler.port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


async def test_letter_reaches_the_mail_server(settings: Settings, inbox: Inbox) -> None:
    changed = {"smtp_url": f"smtp://127.0.0.1:{inbox.port}", "mail_from": "Vitrina <shop@vitrina.example>"}
    post = Post(msgspec.structs.replace(settings, **changed))
    post.send(letters.reset("anna@shop.example", "https://v.example", "https://v.example/reset?code=x"))
    await post.stop()
    (message,) = inbox.received
    assert (message["To"], message["From"]) == ("anna@shop.example", "Vitrina <shop@vitrina.example>")
    assert "https://v.example/reset?code=x" in message.get_payload(decode=True).decode()
    assert message["Auto-Submitted"] == "auto-generated"


async def test_refused_address_is_not_tried_again(settings: Settings, inbox: Inbox) -> None:
    post = Post(msgspec.structs.replace(settings, smtp_url=f"smtp://127.0.0.1:{inbox.port}"))
    post.send(letters.reset("refused@shop.example", "https://v.example", "x"))
    await asyncio.wait_for(asyncio.gather(*post._sending), 1.5)  # a second attempt would come later
    assert inbox.received == []


async def test_password_does_not_go_through_a_line_without_tls(settings: Settings, inbox: Inbox, capfd) -> None:
    post = Post(msgspec.structs.replace(settings, smtp_url=f"smtp://me:hunter2@127.0.0.1:{inbox.port}"))
    post.send(letters.reset("anna@shop.example", "https://v.example", "x"))
    await asyncio.sleep(0.5)
    await post.stop()
    assert inbox.received == []
    assert "hunter2" not in "".join(capfd.readouterr())


async def test_without_a_mail_server_letters_are_files_that_only_we_can_read(settings: Settings) -> None:
    post = Post(settings)
    hostile = "Shop\r\nBcc: all@shop.example\r\n\r\n<b>"
    lasts = timedelta(days=7)
    post.send(letters.invitation("anna@shop.example", "u", "l", shop=hostile, role="owner", lasts=lasts))
    await post.stop()
    ((to, subject, _),) = written(settings.folder)
    assert (to, subject) == ("anna@shop.example", "You are invited to Shop Bcc: all@shop.example <b>")
    (file,) = (settings.folder / "mail").iterdir()
    assert file.stat().st_mode & 0o077 == 0
