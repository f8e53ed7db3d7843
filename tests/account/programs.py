"""A program that asks for access by OAuth, as it would be written against the documented endpoints."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.account.visitor import Visitor

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Program:
    """The terminal's client, unless told otherwise."""

    http: httpx.AsyncClient
    client_id: str = "vitrina-terminal"
    redirect_uri: str = "http://127.0.0.1:49152/callback"
    secret: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """S256 of the verifier."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def address(self, **changes: str) -> str:
        """Where it sends the person; an empty change leaves a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "read write",
            "state": "xyz",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | changes
        return "/oauth/authorize?" + urlencode({name: value for name, value in asked.items() if value})

    async def code_from(self, visitor: Visitor, shop: str = "", **changes: str) -> str:
        """The code, once the person has said yes."""
        answer = await visitor.send(self.address(**changes), decision="allow", shop=shop)
        assert answer.status_code == 303, answer.text
        return query_of(answer)["code"]

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Ask for tokens with a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return await self.ask(**form | {"code_verifier": self.verifier} | changes)

    async def refresh(self, token: str, **more: str) -> httpx.Response:
        """Ask for the next tokens."""
        return await self.ask(grant_type="refresh_token", refresh_token=token, **more)

    async def ask(self, path: str = "/oauth/token", **form: str) -> httpx.Response:
        """Send a form, with the secret if there is one."""
        auth = httpx.BasicAuth(self.client_id, self.secret) if self.secret else None
        who = {} if self.secret else {"client_id": self.client_id}
        return await self.http.post(path, data=who | form, auth=auth)

    async def tokens_of(self, visitor: Visitor, shop: str = "", **changes: str) -> dict[str, Any]:
        """The whole way to tokens."""
        answer = await self.redeem(await self.code_from(visitor, shop, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()


def query_of(answer: httpx.Response) -> dict[str, str]:
    """The parameters of the address that an answer leads to."""
    return {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def bearer(token: str, **more: str) -> dict[str, str]:
    """The headers of a call."""
    return {"Authorization": f"Bearer {token}"} | more
