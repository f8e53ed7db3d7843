"""Signing in with a provider elsewhere: the certified `oidc-provider`, started for these tests."""

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from server.access.oidc import Outside
from server.access.people import accounts, passwords
from server.access.people.models import Identity, Person, Session
from server.settings import Settings, SignIn, load
from server.shops import members
from tests.account.visitor import PASSWORD, Visitor, words
from tests.journeys.installation import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="the provider runs on Node"),
]
FOLDER = Path(__file__).parent / "provider"
CALLBACK = "http://127.0.0.1:8000/login/elsewhere/callback"


class Provider(NamedTuple):
    """Where it answers, and how to settle with it."""

    issuer: str
    known_as: SignIn


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True, timeout=120)
    port = free_port()
    command = ["node", "provider.mjs", str(port), CALLBACK]
    process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    while "listening" not in (line := process.stdout.readline()):
        assert line or process.poll() is None, "the provider ended at its start"
    issuer = f"http://127.0.0.1:{port}"
    yield Provider(
        issuer, SignIn(client_id="vitrina", client_secret="a secret of both", issuer=issuer, title="Elsewhere")
    )
    process.terminate()
    process.wait(10)


@pytest.fixture
def known(app: Starlette, settings: Settings, anna: Person, provider: Provider):
    """`known()` makes the provider known to the application; with changes, settings of it that differ."""

    def make(*, sign_up: str = "invited", **changes: str) -> None:
        sign_in = {"elsewhere": msgspec.structs.replace(provider.known_as, **changes)}
        changed = msgspec.structs.replace(settings, sign_up=sign_up, sign_in=sign_in)
        app.state.services = dataclasses.replace(app.state.services, settings=changed, outside=Outside(changed))

    return make


def sign_in_there(address: str, name: str) -> str:
    """Sign in at the provider as `name` and allow what is asked; the address that leads back."""
    with httpx.Client() as browser:
        page = browser.get(address, follow_redirects=True)
        for form in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
            action = re.search(r'<form[^>]* action="([^"]+)"', page.text)
            assert action, page.text
            page = browser.post(page.url.join(action[1]), data=form)
            while page.is_redirect and not page.headers["location"].startswith(CALLBACK):
                page = browser.get(page.url.join(page.headers["location"]))
        return page.headers["location"]


async def come_back(visitor: Visitor, name: str, address: str = "/login/elsewhere") -> httpx.Response:
    """The whole way."""
    away = await visitor.get(address)
    assert away.status_code == 302, away.text
    return await visitor.get(sign_in_there(away.headers["location"], name))


async def test_person_with_an_account_signs_in_elsewhere(known, visitor: Visitor, anna: Person) -> None:
    known()
    assert "Continue with Elsewhere" in words(await visitor.get("/sign-in?next=/device"))
    answer = await come_back(visitor, "anna", "/login/elsewhere?next=/device")
    assert (answer.status_code, answer.headers["location"]) == (303, "/device")
    assert anna.email in (await visitor.get("/account")).text
    identity = await Identity.get()
    await Person.filter(id=anna.id).update(email="anna@new.example")
    assert (await come_back(visitor, "anna")).headers["location"] == "/account", "known by subject, not by address"
    assert await Identity.all().count() == 1 and identity.subject == "anna"


async def test_request_carries_state_nonce_and_a_challenge(known, visitor: Visitor) -> None:
    known()
    asked = parse_qs(urlsplit((await visitor.get("/login/elsewhere")).headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"] and asked["nonce"] and asked["code_challenge"]
    assert asked["redirect_uri"] == [CALLBACK]


async def test_answer_for_another_browser_or_shown_twice_is_refused(known, browse, provider: Provider) -> None:
    known()
    mine, theirs = browse(), browse()
    back = sign_in_there((await mine.get("/login/elsewhere")).headers["location"], "anna")
    await theirs.get("/login/elsewhere")
    for visitor, address in (
        (browse(), back),
        (theirs, back),  # whose state is another
        (mine, re.sub(r"state=[^&]+", "state=x", back)),
        (mine, re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)),
        (mine, back),  # the code was used up by the attempt before, and the state with it
    ):
        answer = await visitor.get(address)
        assert answer.status_code == 400 and "did not work" in words(answer)
    assert await Session.all().count() == 0


async def test_stranger_needs_an_invitation(known, visitor: Visitor, owned) -> None:
    known()
    assert (await come_back(visitor, "ben")).status_code == 403
    assert not await Person.exists(email="ben@shop.example")
    await members.invite(owned, "ben@shop.example", "analyst")
    assert (await come_back(visitor, "ben")).status_code == 303
    person = await Person.get(email="ben@shop.example")
    assert person.password_hash is None and person.verified_at
    page = await visitor.get("/account")
    assert "You sign in elsewhere" in words(page)


async def test_everybody_may_come_where_accounts_are_open(known, visitor: Visitor) -> None:
    known(sign_up="open")
    assert (await come_back(visitor, "carla")).status_code == 303
    assert await Person.exists(email="carla@shop.example")


async def test_address_that_is_not_confirmed_there_is_not_believed(known, visitor: Visitor, anna: Person) -> None:
    known(sign_up="open")
    await accounts.open_account("unproven@shop.example", "", await passwords.hashed(PASSWORD), verified=True)
    answer = await come_back(visitor, "unproven")
    assert answer.status_code == 400 and "no confirmed e-mail address" in words(answer)
    assert await Session.all().count() == 0


async def test_account_somebody_opened_with_a_strangers_address_is_not_theirs(known, browse, anna) -> None:
    known()
    squatted = await accounts.open_account("dora@shop.example", "", await passwords.hashed(PASSWORD))  # never confirmed
    assert (await come_back(browse(), "dora")).status_code == 303
    assert await accounts.recognise("dora@shop.example", PASSWORD) is None, "the squatter's password is gone"
    assert (await Person.get(id=squatted.id)).verified_at


async def test_wrong_secret_and_provider_that_is_away_are_pages_and_no_crashes(known, visitor: Visitor) -> None:
    known(client_secret="wrong")
    answer = await come_back(visitor, "anna")
    assert answer.status_code == 400 and "invalid_client" in words(answer)
    known(issuer="http://127.0.0.1:9")
    away = await visitor.get("/login/elsewhere")
    assert away.status_code == 502 and "did not work" in words(away)
    assert (await visitor.get("/login/nobody")).status_code == 404
    denied = await visitor.get("/login/elsewhere/callback?error=access_denied&error_description=%3Cb%3E")
    assert denied.status_code == 400 and "<b>" not in denied.text


@pytest.mark.parametrize(
    ("given", "words_of_it"),
    [
        ('{"mine": {"client_id": "x"}}', "issuer"),
        ('{"mine": {"client_id": "x", "issuer": "http://mine.example"}}', "https"),
        ('{"a/b": {"client_id": "x"}}', "letters"),
        ('{"google": {}}', "client_id"),
        ("google", "JSON object"),
    ],
)
def test_wrong_settings_are_named(given: str, words_of_it: str) -> None:
    with pytest.raises(ValueError, match=words_of_it):
        load({"VITRINA_SIGN_IN": given}, Path("/nowhere"))


async def test_presets_lead_to_google_and_github(settings: Settings) -> None:
    outside = Outside(
        msgspec.structs.replace(settings, sign_in={"google": SignIn(client_id="g"), "github": SignIn(client_id="h")})
    )
    assert outside.titles() == [("google", "Google"), ("github", "GitHub")]
