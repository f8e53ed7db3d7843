"""Members, roles, invitations and the audit log, as owners and those they invite meet them."""

import asyncio

import httpx
import pytest

from server.access.oauth.clients import TERMINAL
from server.access.oauth.provider import allow
from server.access.people import accounts, passwords
from server.access.people.models import Person
from server.shops import members
from server.shops.models import Invitation, Member, Shop
from tests.account.programs import bearer
from tests.account.visitor import PASSWORD, Visitor, link_in, words


@pytest.fixture
def token_of(app):
    """`await token_of(person)`: an access token as the person's program would hold it."""

    async def sign(person: Person, scope: str = "read write admin") -> dict[str, str]:
        grant = await allow(person, TERMINAL, scope, "")
        return bearer(await app.state.services.provider.tokens.sign(grant, scope))

    return sign


@pytest.fixture
def hired(owned: Shop):
    """`await hired("manager")`: a person with that role in Anna's shop."""

    async def hire(role: str) -> Person:
        person = await accounts.open_account(f"{role}@shop.example", role.title(), None, verified=True)
        await members.add(owned.id, person.id, role)
        return person

    return hire


async def test_somebody_new_is_invited_by_e_mail_and_joins(
    client, browse, anna, owned, token_of, mailbox, settings
) -> None:
    owner = await token_of(anna)
    answer = await client.post("/v1/members", json={"email": "Ben@shop.example", "role": "manager"}, headers=owner)
    assert (answer.status_code, answer.json()["status"]) == (201, "invited")
    ((to, subject, text),) = await mailbox(1)
    assert (to, subject) == ("ben@shop.example", "You are invited to Anna's shop")
    visitor: Visitor = browse()
    page = await visitor.get(link_in(text))
    assert "Join Anna's shop" in words(page) and "manager" in words(page)
    weak = await visitor.send(page, name="Ben", password="short")
    assert weak.status_code == 422
    assert (await visitor.send(weak, name="Ben", password=PASSWORD)).headers["location"] == "/account?done=joined"
    assert "Anna's shop" in words(await visitor.get("/account"))
    assert (await browse().get(link_in(text))).status_code == 410
    listed = (await client.get("/v1/members", headers=owner)).json()["data"]
    assert {(one["email"], one["role"], one["status"]) for one in listed} == {
        ("anna@shop.example", "owner", "member"),
        ("ben@shop.example", "manager", "member"),
    }
    log = (await client.get("/v1/audit", headers=owner)).json()["data"]
    assert [(one["action"], one["actor"]["name"]) for one in log] == [
        ("invitation.accepted", "ben@shop.example"),
        ("POST /v1/members", "anna@shop.example"),
    ]


async def test_somebody_with_an_account_joins_as_themselves_only(
    browse, anna, owned, mailbox, client, token_of
) -> None:
    ben = await accounts.open_account("ben@shop.example", "Ben", await passwords.hashed(PASSWORD), verified=True)
    await client.post("/v1/members", json={"email": ben.email, "role": "analyst"}, headers=await token_of(anna))
    ((_, _, text),) = await mailbox(1)
    other = browse()
    await other.sign_in(anna.email)
    assert (await other.send(link_in(text))).status_code == 403, "the invitation is not for her"
    visitor = browse()
    first = await visitor.get(link_in(text))
    assert first.headers["location"].startswith("/sign-in?next=%2Finvitation")
    back = await visitor.sign_in(ben.email, address=first.headers["location"])
    assert (await visitor.send(back.headers["location"])).status_code == 303
    assert (await Member.get(person_id=ben.id)).role == "analyst"


async def test_withdrawn_invitation_is_worth_nothing(browse, anna, owned, mailbox, client, token_of) -> None:
    owner = await token_of(anna)
    made = await client.post("/v1/members", json={"email": "ben@shop.example", "role": "owner"}, headers=owner)
    ((_, _, text),) = await mailbox(1)
    assert (await client.delete(f"/v1/members/{made.json()['id']}", headers=owner)).status_code == 204
    assert (await browse().get(link_in(text))).status_code == 410


async def test_inviting_again_replaces_the_first_invitation(browse, anna, owned, mailbox, client, token_of) -> None:
    owner = await token_of(anna)
    for role in ("analyst", "manager"):
        await client.post("/v1/members", json={"email": "ben@shop.example", "role": role}, headers=owner)
    (_, _, first), (_, _, second) = await mailbox(2)
    assert (await browse().get(link_in(first))).status_code == 410
    assert "manager" in words(await browse().get(link_in(second)))
    assert await Invitation.all().count() == 1


ALLOWED = [  # method, address, body; the least role that may
    ("GET", "/v1/items", None, "analyst"),
    ("GET", "/v1/tasks", None, "analyst"),
    ("GET", "/v1/shops", None, "analyst"),
    ("PUT", "/v1/items/A", {"title": "Shirt"}, "manager"),
    ("POST", "/v1/tasks", {"kind": "reindex"}, "manager"),
    ("GET", "/v1/keys", None, "owner"),
    ("POST", "/v1/keys", {"kind": "secret"}, "owner"),
    ("GET", "/v1/members", None, "owner"),
    ("GET", "/v1/audit", None, "owner"),
    ("PATCH", "/v1/shops/shop_annas", {"name": "New"}, "owner"),
]


@pytest.mark.parametrize("role", ["analyst", "manager", "owner"])
async def test_each_role_may_do_what_is_its(client, owned, hired, token_of, role: str) -> None:
    headers = await token_of(await hired(role))
    ranks = ["analyst", "manager", "owner"]
    for method, address, body, least in ALLOWED:
        status = (await client.request(method, address, json=body, headers=headers)).status_code
        assert (status < 300) == (ranks.index(role) >= ranks.index(least)), (method, address, status)
        assert status < 300 or status == 403


@pytest.mark.parametrize(("scope", "reaches"), [("read", "analyst"), ("read write", "manager"), ("admin", "owner")])
async def test_scope_holds_an_owner_back(client, anna, owned, token_of, scope: str, reaches: str) -> None:
    headers = await token_of(anna, scope)
    ranks = ["analyst", "manager", "owner"]
    for method, address, body, least in ALLOWED:
        status = (await client.request(method, address, json=body, headers=headers)).status_code
        assert (status < 300) == (ranks.index(reaches) >= ranks.index(least)), (method, address, status)


async def test_member_sees_no_other_shop(client, anna, owned, other_shop, token_of) -> None:
    there = (await token_of(anna)) | {"Vitrina-Shop": other_shop.id}
    for address in ("/v1/items", "/v1/members", "/v1/audit", "/v1/keys"):
        answer = await client.get(address, headers=there)
        assert answer.status_code == 404
        assert "Other shop" not in answer.text
    assert [one["id"] for one in (await client.get("/v1/shops", headers=there)).json()["data"]] == [owned.id]
    changed = await client.patch(f"/v1/shops/{other_shop.id}", json={"name": "Mine"}, headers=await token_of(anna))
    assert changed.status_code == 404
    stranger = await accounts.open_account("eve@shop.example", "Eve", None, verified=True)
    assert (await client.get("/v1/items", headers=await token_of(stranger))).status_code == 403


async def test_keys_know_nothing_of_people(backend: httpx.AsyncClient) -> None:
    for method, address in (("GET", "/v1/members"), ("POST", "/v1/members"), ("GET", "/v1/audit")):
        assert (await backend.request(method, address)).status_code == 403


async def test_last_owner_cannot_leave_or_step_down(client, anna, owned, hired, token_of) -> None:
    owner = await token_of(anna)
    mine = (await Member.get(person_id=anna.id)).id
    assert (await client.delete(f"/v1/members/{mine}", headers=owner)).status_code == 409
    assert (await client.patch(f"/v1/members/{mine}", json={"role": "analyst"}, headers=owner)).status_code == 409
    manager = await hired("manager")
    other = (await Member.get(person_id=manager.id)).id
    assert (await client.patch(f"/v1/members/{other}", json={"role": "owner"}, headers=owner)).status_code == 200
    assert (await client.delete(f"/v1/members/{mine}", headers=owner)).status_code == 204


async def test_two_owners_who_leave_at_once_leave_one(anna: Person, owned: Shop, hired) -> None:
    await hired("owner")
    rows = await Member.filter(shop_id=owned.id)
    outcomes = await asyncio.gather(*(members.remove(owned, row.id) for row in rows), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {bool, members.LastOwner}
    assert await Member.filter(shop_id=owned.id, role="owner").count() == 1


async def test_members_of_another_shop_cannot_be_touched(client, anna, owned, other_shop, hired, token_of) -> None:
    ben = await accounts.open_account("ben@shop.example", "Ben", None, verified=True)
    theirs = await members.add(other_shop.id, ben.id, "analyst")
    owner = await token_of(anna)
    assert (await client.patch(f"/v1/members/{theirs.id}", json={"role": "owner"}, headers=owner)).status_code == 404
    assert (await client.delete(f"/v1/members/{theirs.id}", headers=owner)).status_code == 404
    assert (await Member.get(id=theirs.id)).role == "analyst"


async def test_ids_of_any_length_are_just_unknown(client, anna, owned, token_of, operator_key) -> None:
    owner, operator = await token_of(anna), bearer(operator_key)
    for long in ("x" * 33, "x" * 41, "x" * 300):
        for headers in (owner, operator):
            assert (await client.patch(f"/v1/shops/{long}", json={"name": "N"}, headers=headers)).status_code == 404
            there = headers | {"Vitrina-Shop": long}
            assert (await client.get("/v1/members", headers=there)).status_code == 404
        for method, body in (("PATCH", {"role": "owner"}), ("DELETE", None)):
            answer = await client.request(method, f"/v1/members/{long}", json=body, headers=owner)
            assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "no address", "role": "owner"}, 422),
        ({"email": "a@b.example", "role": "king"}, 422),
        ({"email": "anna@shop.example", "role": "analyst"}, 409),
        ({"email": "a\r\nBcc: b@c.example", "role": "analyst"}, 422),
    ],
)
async def test_invitation_that_cannot_be_is_refused(client, anna, owned, token_of, body, status: int) -> None:
    assert (await client.post("/v1/members", json=body, headers=await token_of(anna))).status_code == status


async def test_invitations_fill_nobodys_mailbox(client, anna, owned, token_of) -> None:
    owner, body = await token_of(anna), {"email": "ben@shop.example", "role": "analyst"}
    answers = [await client.post("/v1/members", json=body, headers=owner) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_list_of_members_comes_in_pages(client, anna, owned, token_of) -> None:
    owner = await token_of(anna)
    for number in range(4):
        body = {"email": f"a{number}@shop.example", "role": "analyst"}
        await client.post("/v1/members", json=body, headers=owner)
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/members", params=params, headers=owner)).json()
        seen += [one["email"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == ["a0@shop.example", "a1@shop.example", "a2@shop.example", "a3@shop.example", anna.email]


async def test_every_change_stands_in_the_audit_log_with_who_what_and_when(
    client, backend, keys, shop, anna, owned, token_of, operator_key
) -> None:
    await members.add(shop.id, anna.id, "owner")
    owner = (await token_of(anna)) | {"Vitrina-Shop": shop.id}
    operator = bearer(operator_key, **{"Vitrina-Shop": shop.id})
    await backend.put("/v1/items/A", json={"title": "Shirt"}, headers={"X-Request-Id": "mine"})
    made = (await client.post("/v1/keys", json={"kind": "secret"}, headers=owner)).json()
    await client.delete(f"/v1/keys/{made['id']}", headers=operator)
    await client.patch(f"/v1/shops/{shop.id}", json={"name": "New"}, headers=await token_of(anna))
    await client.patch("/v1/items/none", json={"title": "x"}, headers=owner)  # which fails
    await backend.get("/v1/items")
    log = (await client.get("/v1/audit", headers=owner)).json()["data"]
    assert [(one["actor"]["kind"], one["action"], one["subject"]) for one in reversed(log)] == [
        ("secret", "PUT /v1/items/{item_id}", "A"),
        ("member", "POST /v1/keys", made["id"]),
        ("operator", "DELETE /v1/keys/{key_id}", made["id"]),
        ("member", "PATCH /v1/shops/{shop_id}", shop.id),
    ]
    assert log[-1]["request_id"] == "mine"
    assert log[0]["actor"]["name"] == anna.email
    assert made["key"] not in str(log)
    elsewhere = (await token_of(anna)) | {"Vitrina-Shop": owned.id}
    assert (await client.get("/v1/audit", headers=elsewhere)).json()["data"] == []


async def test_person_opens_a_shop_of_their_own(annas: Visitor, client, anna, token_of) -> None:
    page = await annas.send("/account", "/account/shops", name="Café Müller", currency="chf")
    assert "Café Müller is open" in words(page)
    key = words(page).partition("servers ")[2].split()[0]
    assert (await client.get("/v1/items", headers=bearer(key))).status_code == 200
    opened = await client.post("/v1/shops", json={"name": "Second"}, headers=await token_of(anna))
    assert opened.status_code == 201
    assert {row.role for row in await Member.filter(person_id=anna.id)} == {"owner"}
    bad = await annas.send("/account", "/account/shops", name="X", currency="ZZZ")
    assert bad.status_code == 422


async def test_shops_are_opened_by_those_who_may(browse, client, anna, token_of) -> None:
    ben = await accounts.open_account("ben@shop.example", "Ben", await passwords.hashed(PASSWORD), verified=True)
    visitor = browse()
    await visitor.sign_in(ben.email)
    page = await visitor.get("/account")
    assert "Open shop" not in page.text
    assert (await visitor.send(page, "/account/shops", name="Mine", currency="EUR")).status_code == 403
    assert (await client.post("/v1/shops", json={"name": "Mine"}, headers=await token_of(ben))).status_code == 403
    assert await Shop.all().count() == 0
