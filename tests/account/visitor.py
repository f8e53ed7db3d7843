"""A browser without scripts: it keeps cookies, fills in forms as they are shown, and follows nothing by itself."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

import httpx

PASSWORD = "correct horse battery"


@dataclass
class Visitor:
    """One browser."""

    http: httpx.AsyncClient

    async def get(self, address: str) -> httpx.Response:
        """Open a page."""
        return await self.http.get(address)

    async def send(self, page: str | httpx.Response, address: str = "", **fields: str) -> httpx.Response:
        """Fill in the form of a page and send it; `address` for another than the page's own."""
        shown = await self.http.get(page) if isinstance(page, str) else page
        token = re.search(r'name="token" value="(\w+)"', shown.text)
        assert token, shown.text
        where = address or str(shown.request.url)
        return await self.http.post(
            where, data={"token": token[1], **fields}, headers={"Sec-Fetch-Site": "same-origin"}
        )

    async def sign_in(self, email: str, password: str = PASSWORD, address: str = "/sign-in") -> httpx.Response:
        """Sign in."""
        return await self.send(address, email=email, password=password)


def words(page: httpx.Response) -> str:
    """What a page says, without its tags."""
    body = page.text[page.text.index("<main") :]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def letters(folder: Path) -> list[tuple[str, str, str]]:
    """Addressee, subject and text of each letter that was written, oldest first."""
    found = []
    for file in sorted((folder / "mail").glob("*.eml")):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        found.append((message["To"], message["Subject"], message.get_content()))
    return found


def link_in(text: str) -> str:
    """The address of the link in a letter, without the server's name."""
    return re.search(r"https?://[^/\s]+(/\w+\?code=\S+)", text)[1]
