"""The page of a shop: members, invitations, keys and the audit log, for owners; what others see of it."""

import re

import httpx
import pytest

from server.access.models import ApiKey
from server.access.people import accounts, passwords
from server.shops import audit, members
from server.shops.models import Invitation, Member, Shop
from server.storage import database
from tests.account.visitor import PASSWORD, Visitor, link_in, words
from tests.api.test_audit_faults import ALLOW, REFUSE

PAGE = "/account/shops/shop_annas"


@pytest.fixture
def enter_as(browse, owned: Shop):
    """`await enter_as("manager")`: the browser of somebody with that role, and their membership."""

    async def enter(role: str) -> tuple[Visitor, Member]:
        email = f"{role}@shop.example"
        person = await accounts.open_account(email, role.title(), await passwords.hashed(PASSWORD), verified=True)
        member = await members.add(owned.id, person.id, role)
        visitor = browse()
        assert (await visitor.sign_in(email)).status_code == 303
        return visitor, member

    return enter


async def act(visitor: Visitor, address: str, **fields: str) -> httpx.Response:
    """Send a form of the shop's page."""
    return await visitor.send(PAGE, f"{PAGE}{address}", **fields)


async def test_owner_invites_changes_a_role_and_removes(annas: Visitor, browse, mailbox) -> None:
    assert f'href="{PAGE}"' in (await annas.get("/account")).text
    assert "None is open" in words(await annas.get(PAGE))
    invited = await act(annas, "/members", email="Ben@shop.example", role="analyst")
    assert invited.headers["location"] == f"{PAGE}?done=invited"
    assert "ben@shop.example as analyst" in words(await annas.get(PAGE))
    ((_, _, text),) = await mailbox(1)
    ben = browse()
    assert (await ben.send(link_in(text), name="Ben", password=PASSWORD)).status_code == 303
    row = await Member.get(person__email="ben@shop.example")
    assert (await act(annas, f"/members/{row.id}", role="manager")).headers["location"] == f"{PAGE}?done=role"
    assert "manager" in words(await ben.get(PAGE))
    asked = await annas.get(f"{PAGE}/members/{row.id}/remove")
    assert "Remove ben@shop.example?" in words(asked)
    assert await Member.exists(id=row.id)  # only asked so far
    assert (await annas.send(asked)).headers["location"] == f"{PAGE}?done=removed"
    assert (await ben.get(PAGE)).status_code == 404
    told = words(await annas.get(f"{PAGE}/audit"))
    for action in ("member.invited", "invitation.accepted", "member.role-changed", "member.removed"):
        assert action in told
    assert "anna@shop.example · role manager" in told


async def test_invitation_is_withdrawn(annas: Visitor) -> None:
    await act(annas, "/members", email="ben@shop.example", role="owner")
    row = await Invitation.get(email="ben@shop.example")
    asked = await annas.get(f"{PAGE}/members/{row.id}/remove")
    assert "Withdraw the invitation of ben@shop.example?" in words(asked)
    assert (await annas.send(asked)).headers["location"] == f"{PAGE}?done=withdrawn"
    assert await Invitation.all().count() == 0
    assert (await annas.send(asked)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"email": "nobody", "role": "analyst"}, 422, "no e-mail address"),
        ({"email": "anna@shop.example", "role": "analyst"}, 409, "work for this shop already"),
        ({"email": "ben@shop.example", "role": "king"}, 422, "Choose one of analyst, manager, owner"),
    ],
)
async def test_impossible_invitation_is_told(annas: Visitor, fields: dict[str, str], status: int, told: str) -> None:
    answer = await act(annas, "/members", **fields)
    assert (answer.status_code, told in words(answer)) == (status, True)
    assert await Invitation.all().count() == 0


async def test_keys_are_made_shown_once_replaced_and_revoked(annas: Visitor, client: httpx.AsyncClient) -> None:
    made = await act(
        annas, "/keys", name="Web", kind="publishable", origins="https://Shop.example:443, http://b.example"
    )
    key = re.search(r"vpk_[\w-]{32}", made.text)
    assert key, words(made)
    shown = await annas.get(PAGE)
    assert key[0] not in shown.text
    assert "https://shop.example, http://b.example" in words(shown)
    headers = {"Authorization": f"Bearer {key[0]}", "Origin": "http://b.example"}
    assert (await client.get("/v1/recommendations", headers=headers)).status_code == 200
    row = await ApiKey.get(shop_id="shop_annas", name="Web")
    replaced = await annas.send(f"{PAGE}/keys/{row.id}/replace")
    assert re.search(r"vpk_[\w-]{32}", replaced.text)
    assert (await client.get("/v1/recommendations", headers=headers)).status_code == 200  # for a day
    assert "ends" in words(await annas.get(PAGE))
    assert "Revoke the key Web" in words(await annas.get(f"{PAGE}/keys/{row.id}/revoke"))
    assert (await annas.send(f"{PAGE}/keys/{row.id}/revoke")).headers["location"] == f"{PAGE}?done=revoked"
    assert (await client.get("/v1/recommendations", headers=headers)).status_code == 401
    told = words(await annas.get(f"{PAGE}/audit"))
    for action in ("key.made", "key.replaced", "key.revoked"):
        assert action in told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "operator"}, "Choose which kind"),
        ({"kind": "secret", "origins": "https://a.example"}, "never works in a browser"),
        ({"kind": "publishable", "origins": "https://a.example/path"}, "no scheme and host"),
        (
            {"kind": "publishable", "origins": " ".join(f"https://a{number}.example" for number in range(51))},
            "50 pages",
        ),
    ],
)
async def test_impossible_key_is_told_and_not_made(annas: Visitor, fields: dict[str, str], told: str) -> None:
    answer = await act(annas, "/keys", **fields)
    assert (answer.status_code, told in words(answer)) == (422, True)
    assert await ApiKey.filter(shop_id="shop_annas").count() == 0


@pytest.mark.parametrize("role", ["analyst", "manager"])
async def test_others_see_the_shop_and_change_nothing(annas: Visitor, enter_as, role: str) -> None:
    await act(annas, "/keys", name="Web", kind="publishable")
    key = await ApiKey.get(shop_id="shop_annas")
    anna = await Member.get(person__email="anna@shop.example")
    visitor, own = await enter_as(role)
    page = await visitor.get(PAGE)
    assert f"You are {role}" in words(page)
    assert not any(secret in page.text for secret in ("anna@shop.example", key.last4, "key.made"))
    for address in (f"/keys/{key.id}/revoke", f"/members/{anna.id}/remove", "/audit"):
        assert (await visitor.get(f"{PAGE}{address}")).status_code == 403
    for address in (
        *("/members", f"/members/{own.id}", f"/members/{anna.id}/remove"),
        *("/keys", f"/keys/{key.id}/revoke", f"/keys/{key.id}/replace"),
    ):
        refused = await act(visitor, address, role="owner", kind="secret", email="eve@shop.example")
        assert (refused.status_code, "owner" in words(refused)) == (403, True), address
    assert (await Member.get(id=own.id)).role == role
    assert await ApiKey.filter(shop_id="shop_annas", revoked_at=None).count() == 1
    assert (await visitor.send(f"{PAGE}/leave")).headers["location"] == "/account?done=left"
    assert not await Member.exists(id=own.id)


async def test_last_owner_stays_until_there_is_another(annas: Visitor, enter_as) -> None:
    mine = await Member.get(person__email="anna@shop.example")
    assert "Leave Anna's shop?" in words(await annas.get(f"{PAGE}/leave"))
    refused = await annas.send(f"{PAGE}/leave")
    assert (refused.status_code, "last owner" in words(refused)) == (409, True)
    for address, fields in ((f"/members/{mine.id}", {"role": "analyst"}), (f"/members/{mine.id}/remove", {})):
        assert (await act(annas, address, **fields)).status_code == 409
    await enter_as("owner")
    assert (await annas.send(f"{PAGE}/leave")).headers["location"] == "/account?done=left"


async def test_nothing_of_another_shop_opens(annas: Visitor, other_shop: Shop) -> None:
    key = (await ApiKey.create(id="key_other", shop=other_shop, kind="secret", hash="x", last4="zzzz")).id
    theirs = await accounts.open_account("eve@shop.example", "Eve", None, verified=True)
    member = await members.add(other_shop.id, theirs.id, "owner")
    for address in ("", "/audit", "/leave", f"/keys/{key}/revoke"):
        assert (await annas.get(f"/account/shops/{other_shop.id}{address}")).status_code == 404
    for address in (f"/keys/{key}/revoke", f"/members/{member.id}/remove"):
        assert (await annas.get(f"{PAGE}{address}")).status_code == 404
        assert (await act(annas, address)).status_code == 404
    assert (await act(annas, f"/members/{member.id}", role="analyst")).status_code == 404
    assert (await annas.get("/account/shops/%00")).status_code == 404
    assert await ApiKey.exists(id=key, shop_id=other_shop.id, revoked_at=None)


async def test_change_on_a_page_that_cannot_be_told_is_not_made(annas: Visitor) -> None:
    page = await annas.get(PAGE)
    await database.writer().execute_script(REFUSE[database.is_sqlite()])
    try:
        assert (await annas.send(page, f"{PAGE}/keys", kind="secret")).status_code == 500
        sent = await annas.send(page, f"{PAGE}/members", email="ben@shop.example", role="analyst")
        assert sent.status_code == 500
    finally:
        await database.writer().execute_script(ALLOW[database.is_sqlite()])
    assert await ApiKey.filter(shop_id="shop_annas").count() == 0
    assert await Invitation.all().count() == 0


async def test_forms_of_other_sites_and_strangers_change_nothing(annas: Visitor, browse) -> None:
    assert (await annas.http.post(f"{PAGE}/keys", data={"kind": "secret"})).status_code == 403
    assert (await browse().get(PAGE)).headers["location"].startswith("/sign-in?next=")
    assert await ApiKey.filter(shop_id="shop_annas").count() == 0


async def test_log_goes_on_on_further_pages(annas: Visitor, owned: Shop) -> None:
    for number in range(60):
        await audit.record(audit.Actor("server", "test"), f"change-{number:02}", shop_id=owned.id)
    first = await annas.get(f"{PAGE}/audit")
    assert "change-59" in words(first) and "change-09" not in words(first)
    older = re.search(r'href="([^"]*before=\d+)"', first.text)
    assert older
    assert "change-09" in words(await annas.get(older[1]))
    for asked in ("x", "99999999999999999999", "9" * 19):
        assert (await annas.get(f"{PAGE}/audit?before={asked}")).status_code == 200
