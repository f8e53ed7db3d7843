"""Sign up, confirm, sign in, sign out: what a person sees, and what a stranger does not learn."""

import dataclasses
import re

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from server.access.ownership import Ownership
from server.access.people import accounts, passwords
from server.access.people.models import Person, Session
from server.api.services import Services
from server.settings import Settings
from tests.account.visitor import PASSWORD, Visitor, letters, link_in, words
from tests.conftest import ShopKeys


def with_other(services: Services, **changes: object) -> Services:
    return dataclasses.replace(services, **changes)


async def test_installation_without_an_owner_serves_only_how_to_make_one(
    visitor: Visitor, owner: Person, keys: ShopKeys
) -> None:
    await owner.delete()
    for address in ("/sign-in", "/sign-up", "/account", "/device", "/oauth/authorize", "/forgotten"):
        page = await visitor.get(address)
        if page.status_code != 303:
            assert page.status_code == 503
            assert "vitrina-server create-owner" in words(page)
    answer = await visitor.http.post("/oauth/device_authorization", data={"client_id": "vitrina-terminal"})
    assert answer.status_code == 503
    key = {"Authorization": f"Bearer {keys.secret}"}
    for address, status in (("/v1/items", 503), ("/docs", 503), ("/healthz", 200), ("/readyz", 200), ("/metrics", 401)):
        answer = await visitor.http.get(address, headers=key)
        assert answer.status_code == status, address
        if status == 503:
            assert "vitrina-server create-owner" in answer.json()["detail"]
    await accounts.open_account("anna@shop.example", "", None, verified=True, runs_installation=True)
    assert (await visitor.http.get("/v1/items", headers=key)).status_code == 200


async def test_embedded_installation_needs_nobody_but_who_started_it(settings: Settings) -> None:
    assert Ownership(msgspec.structs.replace(settings, database_url="", redis_url="")).is_settled
    for part in ("database_url", "redis_url"):
        assert not Ownership(msgspec.structs.replace(settings, **{part: ""})).is_settled


async def test_right_password_lets_in_and_signing_out_ends_it(visitor: Visitor, anna: Person) -> None:
    answer = await visitor.sign_in("  Anna@Shop.example ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    page = await visitor.get("/account")
    assert "anna@shop.example" in page.text
    cookie = visitor.http.cookies["vitrina-session"]
    assert (await visitor.send(page, "/sign-out")).headers["location"] == "/sign-in"
    visitor.http.cookies.set("vitrina-session", cookie, domain="127.0.0.1")
    assert (await visitor.get("/account")).status_code == 303, "the session itself is gone, not the cookie alone"


async def test_cookies_are_kept_from_scripts_and_other_sites(visitor: Visitor, anna: Person) -> None:
    answer = await visitor.sign_in(anna.email)
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "vitrina-session" in one]
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower() and "Path=/" in cookie
    assert not await Session.filter(hash=visitor.http.cookies["vitrina-session"]).exists(), "only a hash is stored"


async def test_cookies_are_secure_where_the_address_is(settings: Settings, anna: Person, app: Starlette) -> None:
    secured = msgspec.structs.replace(settings, public_url="https://vitrina.example")
    app.state.services = with_other(app.state.services, settings=secured)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://vitrina.example") as client:
        answer = await Visitor(client).sign_in(anna.email)
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "session" in one]
        assert cookie.startswith("__Host-vitrina-session=") and "Secure" in cookie
        assert "max-age" in answer.headers["strict-transport-security"]


async def test_wrong_password_and_unknown_address_look_the_same(browse, anna: Person) -> None:
    wrong = await browse().sign_in(anna.email, "not the password")
    unknown = await browse().sign_in("nobody@shop.example", "not the password")
    assert wrong.status_code == unknown.status_code == 422
    assert words(wrong).replace(anna.email, "") == words(unknown).replace("nobody@shop.example", "")


async def test_guessing_is_stopped_for_the_guesser_and_not_for_the_owner(browse, anna: Person) -> None:
    guesser = browse("203.0.113.9")
    seen = [(await guesser.sign_in(anna.email, f"guess number {number}")).status_code for number in range(8)]
    assert seen == [422] * 6 + [429] * 2
    stopped = await guesser.sign_in(anna.email, PASSWORD)
    assert stopped.status_code == 429 and int(stopped.headers["retry-after"]) > 0
    assert (await browse("198.51.100.7").sign_in(anna.email)).status_code == 303


async def test_guesser_with_many_addresses_of_one_network_is_one_guesser(browse, anna: Person) -> None:
    seen = [(await browse(f"2001:db8:1:2::{n:x}").sign_in(anna.email, f"guess {n}")).status_code for n in range(1, 9)]
    assert seen == [422] * 6 + [429] * 2
    assert (await browse("2001:db8:1:3::1").sign_in(anna.email)).status_code == 303


async def test_guessing_at_many_mailboxes_is_stopped_too(visitor: Visitor, anna: Person, monkeypatch) -> None:
    async def never(_password: str, _kept: str | None) -> bool:  # sparing forty hashes of a sixth of a second
        return False

    monkeypatch.setattr(passwords, "matches", never)
    page = await visitor.get("/sign-in")
    for number in range(40):
        assert (await visitor.send(page, email=f"a{number}@shop.example", password="x")).status_code == 422
    assert (await visitor.send(page, email="b@shop.example", password="x")).status_code == 429


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_form_from_another_site_does_nothing(visitor: Visitor, anna: Person, headers: dict[str, str]) -> None:
    page = await visitor.get("/sign-in")
    token = re.search(r'name="token" value="(\w+)"', page.text)[1]
    form = {"token": token, "email": anna.email, "password": PASSWORD}
    assert (await visitor.http.post("/sign-in", data=form, headers=headers)).status_code == 403
    assert (await visitor.http.post("/sign-in", data=form)).status_code == 303


async def test_form_without_this_browsers_mark_does_nothing(browse, anna: Person) -> None:
    mine, theirs = browse(), browse()
    token = re.search(r'name="token" value="(\w+)"', (await theirs.get("/sign-in")).text)[1]
    await mine.get("/sign-in")
    for mark in (token, "", "x"):
        form = {"token": mark, "email": anna.email, "password": PASSWORD}
        assert (await mine.http.post("/sign-in", data=form)).status_code == 403


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "///evil.example", "/a\nb"],
)
async def test_sign_in_leads_to_no_other_site(visitor: Visitor, anna: Person, wanted: str) -> None:
    address = str(httpx.URL("/sign-in", params={"next": wanted}))
    assert (await visitor.sign_in(anna.email, address=address)).headers["location"] == "/account"


async def test_sign_in_leads_back_to_the_page_that_was_asked_for(visitor: Visitor, anna: Person) -> None:
    first = await visitor.get("/device?user_code=BCDF-GHJK")
    assert first.status_code == 303
    answer = await visitor.sign_in(anna.email, address=first.headers["location"])
    assert answer.headers["location"] == "/device?user_code=BCDF-GHJK"


async def test_accounts_are_opened_by_invitation_unless_the_operator_says_otherwise(
    visitor: Visitor, anna: Person
) -> None:
    page = await visitor.get("/sign-up")
    assert "by invitation" in words(page)
    answer = await visitor.send("/sign-in", "/sign-up", name="Eve", email="eve@shop.example", password=PASSWORD)
    assert answer.status_code == 403
    assert not await Person.exists(email="eve@shop.example")


@pytest.fixture
def open_house(app: Starlette, settings: Settings) -> None:
    """Everybody may open an account."""
    opened = msgspec.structs.replace(settings, sign_up="open")
    app.state.services = with_other(app.state.services, settings=opened)


async def test_new_account_works_once_its_address_is_confirmed(open_house, visitor, anna, mailbox) -> None:
    sent = await visitor.send("/sign-up", name="Ben", email="Ben@shop.example", password=PASSWORD)
    assert "mailbox" in words(sent)
    await mailbox(1)
    early = await visitor.sign_in("ben@shop.example")
    assert early.status_code == 200 and "Confirm" in words(early)
    (*_, (to, _, text)) = await mailbox(2)
    assert to == "ben@shop.example"
    assert (await visitor.get(link_in(text))).status_code == 200, "opening the link changes nothing: scanners do that"
    assert (await visitor.send(link_in(text))).headers["location"] == "/account"
    assert "ben@shop.example" in (await visitor.get("/account")).text
    assert (await visitor.get(link_in(text))).status_code == 410, "a link works once"


async def test_sign_up_does_not_tell_who_has_an_account(open_house, browse, anna, mailbox) -> None:
    known = await browse().send("/sign-up", name="A", email=anna.email, password="another password")
    new = await browse().send("/sign-up", name="A", email="new@shop.example", password="another password")
    assert words(known).replace(anna.email, "") == words(new).replace("new@shop.example", "")
    assert await accounts.recognise(anna.email, PASSWORD), "the account there is stays as it was"
    subjects = {to: subject for to, subject, _ in await mailbox(2)}
    assert "already" in subjects[anna.email]


async def test_mailbox_is_not_filled_from_here(open_house, browse, anna, settings) -> None:
    seen = [
        (await browse(f"198.51.100.{n}").send("/forgotten", email="anna@shop.example")).status_code for n in range(6)
    ]
    assert seen == [200] * 4 + [429] * 2
    assert len(letters(settings.folder)) <= 4


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 10"),
        ("password123", "first that attackers try"),
        ("aaaaaaaaaaaa", "repeats"),
        ("ben@shop.example1", "e-mail address"),
        ("x" * 201, "at most 200"),
    ],
)
async def test_weak_password_is_refused_with_the_reason(open_house, visitor, anna, password: str, why: str) -> None:
    answer = await visitor.send("/sign-up", name="Ben", email="ben@shop.example", password=password)
    assert answer.status_code == 422
    assert why in words(answer)
    assert not await Person.exists(email="ben@shop.example")


@pytest.mark.parametrize("email", ["", "ben", "ben@", "@shop.example", "a b@shop.example", "ben@shop", "a@b@c.example"])
async def test_what_is_no_address_is_refused(open_house, visitor, anna, email: str) -> None:
    answer = await visitor.send("/sign-up", name="Ben", email=email, password=PASSWORD)
    assert answer.status_code == 422


async def test_hostile_text_is_shown_as_text(open_house, visitor, anna) -> None:
    hostile = '"><script>alert(1)</script>{{ 1234 * 1234 }}'
    answer = await visitor.send("/sign-up", name=hostile, email=hostile, password="short")
    assert "<script>" not in answer.text and "1522756" not in answer.text


@pytest.mark.parametrize("hostile", ["\0", "x" * 5_000, "\ud7ff\U0001f600", "' OR 1=1 --", "%00", "a@b.example\0"])
async def test_no_form_is_broken_by_what_is_typed(annas: Visitor, browse, hostile: str) -> None:
    fields = ("name", "email", "password", "current", "currency", "grant", "user_code", "shop", "decision")
    form = dict.fromkeys(fields, hostile)
    for visitor, address in (
        *(
            (browse(), address)
            for address in ("/sign-in", "/sign-up", "/forgotten", "/verify", "/reset", "/invitation")
        ),
        *((annas, f"/account/{part}") for part in ("password", "programs", "shops")),
        (annas, "/device"),
    ):
        assert (
            await visitor.send("/sign-in" if visitor is not annas else "/account", address, **form)
        ).status_code < 500
    for address in ("/verify", "/reset", "/invitation", "/device"):
        params = {"code": hostile, "user_code": hostile}
        assert (await annas.http.get(address, params=params)).status_code < 500


async def test_passwords_are_kept_as_argon2_hashes(anna: Person) -> None:
    assert anna.password_hash and anna.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize("address", ["/sign-in", "/forgotten", "/sign-up", "/account/static/account.css"])
async def test_pages_allow_no_script_and_no_frame(visitor: Visitor, anna: Person, address: str) -> None:
    page = await visitor.get(address)
    assert page.status_code == 200
    if "static" not in address:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert "<script" not in page.text and " style=" not in page.text
