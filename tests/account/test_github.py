"""Signing in with GitHub, which speaks OAuth 2.0 only: a stand-in that answers as GitHub's documentation says.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and /rest/users/emails.
"""

import asyncio
import dataclasses
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from server.access import oidc
from server.access.oidc import Outside
from server.access.people.models import Identity, Person
from server.settings import Settings, SignIn
from tests.account.visitor import Visitor, words
from tests.websites import reply

Answers = dict[str, tuple[Any, str]]


class GitHub:
    """The calls of github.com and api.github.com that sign somebody in."""

    def __init__(self) -> None:
        self.url = ""
        self.challenge = ""
        self.emails: list[dict[str, Any]] = [
            {"email": "old@shop.example", "verified": True, "primary": False, "visibility": None},
            {"email": "anna@shop.example", "verified": True, "primary": True, "visibility": "private"},
        ]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        form = await reader.readexactly(int(headers.get("content-length", 0)))
        answer, status = self._answer(method, urlsplit(target).path, headers, dict(parse_qsl(form.decode())))
        writer.write(reply(json.dumps(answer).encode(), status, Content_Type="application/json; charset=utf-8"))
        await writer.drain()
        writer.close()

    def _answer(self, method: str, path: str, headers: dict[str, str], form: dict[str, str]) -> tuple[Any, str]:
        if (method, path) == ("POST", "/login/oauth/access_token"):
            return self._token(headers, form), "200 OK"  # also where it refuses
        if headers.get("authorization") != "Bearer gho_token" or not headers.get("user-agent"):
            return {"message": "Requires authentication", "status": "401"}, "401 Unauthorized"
        known: Answers = {
            "/user": ({"login": "anna", "id": 583231, "name": None, "email": None}, "200 OK"),
            "/user/emails": (self.emails, "200 OK"),
        }
        return known.get(path, ({"message": "Not Found", "status": "404"}, "404 Not Found"))

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> dict[str, str]:
        if (form.get("client_id"), form.get("client_secret")) != ("vitrina", "a secret"):
            return {"error": "incorrect_client_credentials", "error_description": "The client_id is not right."}
        digest = urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if form.get("code") != "a-code" or digest.decode() != self.challenge:
            return {"error": "bad_verification_code", "error_description": "The code is incorrect or expired."}
        assert "application/json" in headers["accept"], "else GitHub answers with a form"
        return {"access_token": "gho_token", "scope": "read:user,user:email", "token_type": "bearer"}


@pytest.fixture
async def github(app: Starlette, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GitHub]:
    """The stand-in, known to the application by the preset."""
    stand_in = GitHub()
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    stand_in.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setattr(oidc, "_GITHUB", stand_in.url)
    monkeypatch.setattr(oidc, "_GITHUB_API", stand_in.url)
    preset = {"github": SignIn(client_id="vitrina", client_secret="a secret")}
    changed = msgspec.structs.replace(settings, sign_in=preset)
    app.state.services = dataclasses.replace(app.state.services, settings=changed, outside=Outside(changed))
    async with server:
        yield stand_in


async def come_back(visitor: Visitor, github: GitHub, code: str = "a-code") -> httpx.Response:
    """There, where somebody allows what is asked, and back."""
    away = await visitor.get("/login/github")
    assert away.status_code == 302 and away.headers["location"].startswith(f"{github.url}/login/oauth/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(away.headers["location"]).query).items()}
    assert (asked["client_id"], asked["scope"]) == ("vitrina", "read:user user:email")
    assert asked["code_challenge_method"] == "S256"
    github.challenge = asked["code_challenge"]
    return await visitor.get(f"/login/github/callback?code={code}&state={asked['state']}")


async def test_confirmed_primary_address_is_the_person(github: GitHub, visitor: Visitor, anna: Person) -> None:
    answer = await come_back(visitor, github)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert anna.email in (await visitor.get("/account")).text
    identity = await Identity.get()
    assert (identity.subject, identity.issuer) == ("583231", github.url)


@pytest.mark.parametrize(("verified", "primary"), [(False, True), (True, False)])
async def test_other_addresses_prove_nothing(
    github: GitHub, visitor: Visitor, anna: Person, verified: bool, primary: bool
) -> None:
    github.emails = [{"email": anna.email, "verified": verified, "primary": primary, "visibility": None}]
    answer = await come_back(visitor, github)
    assert answer.status_code == 400 and "no confirmed e-mail address" in words(answer)
    assert await Identity.all().count() == 0


async def test_refusal_that_github_sends_with_200_is_one(github: GitHub, visitor: Visitor, anna: Person) -> None:
    answer = await come_back(visitor, github, code="another")
    assert answer.status_code == 400 and "bad_verification_code" in words(answer)
    assert await Identity.all().count() == 0
