"""Forgotten passwords, changed passwords, other browsers."""

from datetime import UTC, datetime, timedelta

from server.access.people.models import Link, Person, Session
from tests.account.visitor import PASSWORD, Visitor, link_in, words

ANOTHER = "another long password"


async def test_forgotten_password_is_replaced_by_a_link_that_works_once(browse, anna, mailbox) -> None:
    elsewhere: Visitor = browse()
    await elsewhere.sign_in(anna.email)
    visitor = browse()
    await visitor.send("/forgotten", email=anna.email)
    ((to, _, text),) = await mailbox(1)
    assert to == anna.email
    address = link_in(text)
    assert (await visitor.send(address, password="short")).status_code == 422, "the link is not used up by that"
    assert (await visitor.send(address, password=ANOTHER)).headers["location"] == "/account"
    assert (await visitor.get("/account")).status_code == 200
    assert (await elsewhere.get("/account")).status_code == 303, "all other browsers are signed out"
    assert (await visitor.get(address)).status_code == 410
    assert (await browse().sign_in(anna.email, PASSWORD)).status_code == 422
    assert (await browse().sign_in(anna.email, ANOTHER)).status_code == 303
    assert "changed" in (await mailbox(2))[1][1], "the person is told"


async def test_old_and_made_up_links_are_worth_nothing(visitor, anna, mailbox) -> None:
    await visitor.send("/forgotten", email=anna.email)
    ((_, _, text),) = await mailbox(1)
    await Link.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    for address in (link_in(text), "/reset?code=made-up", "/reset", "/verify?code=x"):
        page = await visitor.get(address)
        assert page.status_code == 410 and "no longer works" in words(page)
    confirm = link_in(text).replace("/reset", "/verify")
    assert (await visitor.get(confirm)).status_code == 410, "a link is good for its own purpose only"


async def test_forgotten_page_does_not_tell_who_has_an_account(visitor, anna, mailbox) -> None:
    known = await visitor.send("/forgotten", email=anna.email)
    unknown = await visitor.send("/forgotten", email="nobody@shop.example")
    assert words(known).replace(anna.email, "") == words(unknown).replace("nobody@shop.example", "")
    assert len(await mailbox(1)) == 1


async def test_only_the_hash_of_a_link_is_stored(visitor, anna, mailbox) -> None:
    await visitor.send("/forgotten", email=anna.email)
    ((_, _, text),) = await mailbox(1)
    assert link_in(text).partition("code=")[2] not in str(dict(await Link.get()))


async def test_password_is_changed_by_whoever_knows_it(browse, anna: Person) -> None:
    elsewhere, visitor = browse(), browse()
    await elsewhere.sign_in(anna.email)
    await visitor.sign_in(anna.email)
    wrong = await visitor.send("/account", "/account/password", current="wrong", password=ANOTHER)
    assert wrong.status_code == 422 and "current password" in words(wrong)
    before = visitor.http.cookies["vitrina-session"]
    done = await visitor.send("/account", "/account/password", current=PASSWORD, password=ANOTHER)
    assert done.status_code == 303
    assert visitor.http.cookies["vitrina-session"] != before
    assert (await visitor.get("/account")).status_code == 200
    assert (await elsewhere.get("/account")).status_code == 303


async def test_person_signs_out_everywhere_else(browse, anna: Person) -> None:
    elsewhere, visitor = browse(), browse()
    await elsewhere.sign_in(anna.email)
    await visitor.sign_in(anna.email)
    await visitor.send("/account", "/account/sessions")
    assert (await visitor.get("/account")).status_code == 200
    assert (await elsewhere.get("/account")).status_code == 303


async def test_session_that_is_not_used_or_too_old_ends(annas: Visitor) -> None:
    await Session.all().update(seen_at=datetime.now(UTC) - timedelta(days=2))
    assert (await annas.get("/account")).status_code == 303
    await Session.all().update(seen_at=datetime.now(UTC), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await annas.get("/account")).status_code == 303
