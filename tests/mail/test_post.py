"""Letters on a real mail server, and without one."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from server.mail import letters
from server.mail.models import WaitingLetter
from server.mail.post import Post
from server.settings import Settings
from server.storage import database
from tests.account.visitor import letters as written
from tests.journeys.installation import free_port

KEY = b"k" * 32
LETTER = letters.reset("anna@shop.example", "https://v.example", "https://v.example/reset?code=secret-code")


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


async def test_letter_reaches_the_mail_server(settings: Settings, db: None, inbox: Inbox) -> None:
    changed = {"smtp_url": f"smtp://127.0.0.1:{inbox.port}", "mail_from": "Vitrina <shop@vitrina.example>"}
    post = Post(msgspec.structs.replace(settings, **changed), KEY)
    await post.send(letters.reset("anna@shop.example", "https://v.example", "https://v.example/reset?code=x"))
    await post.deliver()
    (message,) = inbox.received
    assert (message["To"], message["From"]) == ("anna@shop.example", "Vitrina <shop@vitrina.example>")
    assert "https://v.example/reset?code=x" in message.get_payload(decode=True).decode()
    assert message["Auto-Submitted"] == "auto-generated"


async def test_refused_address_is_not_tried_again(settings: Settings, db: None, inbox: Inbox) -> None:
    post = Post(msgspec.structs.replace(settings, smtp_url=f"smtp://127.0.0.1:{inbox.port}"), KEY)
    await post.send(letters.reset("refused@shop.example", "https://v.example", "x"))
    await post.deliver()
    assert inbox.received == []
    assert await WaitingLetter.all().count() == 0


async def test_password_does_not_go_through_a_line_without_tls(
    settings: Settings, db: None, inbox: Inbox, capfd
) -> None:
    post = Post(msgspec.structs.replace(settings, smtp_url=f"smtp://me:hunter2@127.0.0.1:{inbox.port}"), KEY)
    await post.send(letters.reset("anna@shop.example", "https://v.example", "x"))
    await post.deliver()
    assert inbox.received == []
    assert "hunter2" not in "".join(capfd.readouterr())
    (waiting,) = await WaitingLetter.all()
    assert waiting.due_at > datetime.now(UTC)


async def test_without_a_mail_server_letters_are_files_that_only_we_can_read(settings: Settings, db: None) -> None:
    post = Post(settings, KEY)
    hostile = "Shop\r\nBcc: all@shop.example\r\n\r\n<b>"
    lasts = timedelta(days=7)
    await post.send(letters.invitation("anna@shop.example", "u", "l", shop=hostile, role="owner", lasts=lasts))
    await post.deliver()
    ((to, subject, _),) = written(settings.folder)
    assert (to, subject) == ("anna@shop.example", "You are invited to Shop Bcc: all@shop.example <b>")
    (file,) = (settings.folder / "mail").iterdir()
    assert file.stat().st_mode & 0o077 == 0


async def test_letter_that_the_mail_server_does_not_take_is_tried_again_later(settings: Settings, db: None) -> None:
    nobody_there = f"smtp://127.0.0.1:{free_port()}"
    post = Post(msgspec.structs.replace(settings, smtp_url=nobody_there), KEY)
    await post.send(LETTER)
    for tried in range(1, 7):
        await post.deliver()
        (waiting,) = await WaitingLetter.all()
        assert (waiting.tries, waiting.due_at > datetime.now(UTC)) == (tried, True)
        await WaitingLetter.all().update(due_at=datetime.now(UTC))
    await post.deliver()
    assert await WaitingLetter.all().count() == 0


async def test_letter_of_a_change_that_was_not_made_is_not_sent(settings: Settings, db: None) -> None:
    post = Post(settings, KEY)
    with pytest.raises(RuntimeError, match="a fault"):
        async with database.transaction():
            await post.send(LETTER)
            raise RuntimeError("a fault")
    await post.deliver()
    assert not (settings.folder / "mail").exists()


async def test_waiting_letter_tells_nothing_to_who_reads_the_database(settings: Settings, db: None) -> None:
    await Post(settings, KEY).send(LETTER)
    (waiting,) = await WaitingLetter.all()
    assert b"anna" not in waiting.content and b"secret-code" not in waiting.content
    await Post(settings, b"x" * 32).deliver()  # another installation's key: told in the log, and gone
    assert await WaitingLetter.all().count() == 0


async def test_two_processes_send_a_letter_once(settings: Settings, db: None) -> None:
    first, second = Post(settings, KEY), Post(settings, KEY)
    await first.send(LETTER)
    claimed = [len(await post._claim()) for post in (first, second)]
    assert claimed == [1, 0]


DIES = """
import asyncio, os, signal, sys
import msgspec
from server.mail.post import Post
from server.settings import Settings
from server.storage import database
from tests.mail.test_post import KEY, LETTER

async def main():
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    await database.connect(settings)
    async with database.transaction():
        await Post(settings, KEY).send(LETTER)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_letter_outlives_the_process_that_wrote_it(settings: Settings, db: None) -> None:
    command = [sys.executable, "-c", DIES, msgspec.json.encode(settings).decode()]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    died = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await died.wait() == -signal.SIGKILL
    assert not (settings.folder / "mail").exists()
    await Post(settings, KEY).deliver()
    ((to, _, text),) = written(settings.folder)
    assert to == "anna@shop.example" and "secret-code" in text


@pytest.mark.parametrize("steps", range(6))
async def test_work_ends_when_it_is_stopped_in_the_moment_of_news(settings: Settings, db: None, steps: int) -> None:
    post = Post(settings, KEY)
    working = asyncio.create_task(post.work())
    await asyncio.sleep(0.1)
    async with database.transaction():
        await post.send(LETTER)
    for _ in range(steps):  # of the event loop, between the news and the stop
        await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait({working}, timeout=5)
    assert working.cancelled()
