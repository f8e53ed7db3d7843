"""Authorization code with PKCE: what programs get, and every way to get more that is closed."""

import asyncio
import dataclasses
import time

import httpx
import msgspec
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from server.access.oauth import clients
from server.access.oauth.models import AuthorizationCode
from server.access.oauth.provider import Provider
from server.access.people.models import Person
from server.shops import members
from server.shops.models import Shop
from tests.account.programs import Program, bearer, query_of
from tests.account.visitor import Visitor, words


async def test_person_lets_a_program_in_and_it_acts_in_their_shop(annas: Visitor, program: Program, owned) -> None:
    asked = await annas.get(program.address())
    assert "Vitrina at the terminal" in words(asked) and "Change products" in words(asked)
    answer = await annas.send(asked, decision="allow", shop="")
    assert answer.headers["location"].startswith("http://127.0.0.1:49152/callback?")
    came = query_of(answer)
    assert (came["state"], came["iss"]) == ("xyz", "http://127.0.0.1:8000"), "RFC 9207: the issuer is named"
    tokens = (await program.redeem(came["code"])).json()
    assert tokens["token_type"] == "Bearer" and tokens["scope"] == "read write"
    items = await program.http.get("/v1/items", headers=bearer(tokens["access_token"]))
    assert items.status_code == 200
    put = await program.http.put("/v1/items/A", json={"title": "Shirt"}, headers=bearer(tokens["access_token"]))
    assert put.is_success


async def test_token_is_a_short_lived_jwt_that_the_published_keys_verify(annas, program, owned, anna) -> None:
    tokens = await program.tokens_of(annas)
    assert tokens["expires_in"] == 600, "Authlib's own would live for ten days"
    keys = KeySet.import_key_set((await program.http.get("/.well-known/jwks.json")).json())
    assert all("d" not in key.as_dict(private=False) for key in keys.keys)
    token = jwt.decode(tokens["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    claims = token.claims
    assert claims["iss"] == "http://127.0.0.1:8000" and claims["aud"] == "http://127.0.0.1:8000/v1"
    assert (claims["sub"], claims["shop"], claims["scope"]) == (anna.id, [owned.id], "read write")
    assert claims["exp"] - time.time() <= 600


async def test_metadata_is_what_the_rfc_asks_for(client: httpx.AsyncClient, anna: Person) -> None:
    found = (await client.get("/.well-known/oauth-authorization-server")).json()
    AuthorizationServerMetadata(found).validate()
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": "", "code_challenge_method": ""},  # the first hole: Authlib hands out a code all the same
        {"code_challenge": ""},
        {"code_challenge_method": ""},  # which means plain
        {"code_challenge_method": "plain"},  # the second hole
        {"code_challenge_method": "s256"},
        {"code_challenge": "too short"},
    ],
)
async def test_no_code_without_an_s256_challenge(annas: Visitor, program: Program, changes: dict[str, str]) -> None:
    for answer in (
        await annas.get(program.address(**changes)),
        await annas.send("/device", program.address(**changes), decision="allow"),
    ):
        assert query_of(answer)["error"] == "invalid_request"
        assert "code" not in query_of(answer)
    assert await AuthorizationCode.all().count() == 0


async def test_one_code_is_worth_one_pair_of_tokens_also_in_parallel(annas: Visitor, program: Program) -> None:
    for _ in range(5):  # the third hole: Authlib pays several times in 19 of 20 rounds
        code = await program.code_from(annas)
        answers = await asyncio.gather(*(program.redeem(code) for _ in range(8)))
        paid = [answer for answer in answers if answer.status_code == 200]
        assert len(paid) == 1
        assert all(answer.json()["error"] == "invalid_grant" for answer in answers if answer.status_code != 200)


async def test_code_that_is_shown_twice_ends_what_it_gave(annas: Visitor, program: Program) -> None:
    code = await program.code_from(annas)
    tokens = (await program.redeem(code)).json()
    assert (await program.redeem(code)).status_code == 400
    await asyncio.sleep(1)
    assert (await program.http.get("/v1/items", headers=bearer(tokens["access_token"]))).status_code == 401
    assert (await program.refresh(tokens["refresh_token"])).status_code == 400


async def test_code_without_its_verifier_is_worth_nothing_and_harms_nothing(annas, program) -> None:
    code = await program.code_from(annas)
    for changes in (
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:1/callback"},
        {"client_id": "another"},
    ):
        assert (await program.redeem(code, **changes)).status_code == 400
    assert (await program.redeem(code)).status_code == 200, "whoever intercepts a code cannot spoil it"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": "n" * 200},
        {"client_id": ""},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1:49152/other"},
        {"redirect_uri": "http://127.0.0.1:49152@evil.example/callback"},
        {"redirect_uri": "http://localhost.evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1/callback?x=1"},
        {"redirect_uri": 'http://127.0.0.1/callback"'},
        {"redirect_uri": "http://127.0.0.1:99999999/callback"},
        {"redirect_uri": "http://[::1/callback"},
        {"redirect_uri": ""},
        {"client_id": 'a"b\\c\u00e9'},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(annas, program, changes: dict[str, str]) -> None:
    for answer in (
        await annas.get(program.address(**changes)),
        await annas.send("/device", program.address(**changes), decision="allow"),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "mistake" in words(answer)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "read root"}, "invalid_scope"),
        ({"response_type": ""}, "unsupported_response_type"),
    ],
)
async def test_other_mistakes_go_back_to_the_program(annas, program, changes: dict[str, str], error: str) -> None:
    came = query_of(await annas.get(program.address(**changes)))
    assert (came["error"], came["state"], came["iss"]) == (error, "xyz", "http://127.0.0.1:8000")


async def test_parameter_that_is_sent_twice_is_refused(annas: Visitor, program: Program) -> None:
    answer = await annas.get(program.address() + "&redirect_uri=https://evil.example")
    assert answer.status_code == 400
    sent = "grant_type=refresh_token&client_id=vitrina-terminal&refresh_token=a&refresh_token=b"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await program.http.post("/oauth/token", content=sent, headers=form)).json()["error"] == "invalid_request"


async def test_plain_http_to_the_outside_is_refused_with_what_to_set(annas, program, app, settings) -> None:
    outside = msgspec.structs.replace(settings, public_url="http://vitrina.example")
    unsafe = Provider(outside, app.state.services.provider.tokens)
    app.state.services = dataclasses.replace(app.state.services, provider=unsafe)
    page = await annas.get(program.address())
    assert page.status_code == 400 and "VITRINA_PUBLIC_URL" in words(page)
    answer = await unsafe.token([("grant_type", "refresh_token")], "")
    assert (answer.status, answer.body["error"]) == (400, "insecure_transport")


async def test_no_is_no(annas: Visitor, program: Program) -> None:
    came = query_of(await annas.send(program.address(), decision="deny", shop=""))
    assert came["error"] == "access_denied" and "code" not in came
    assert "code" not in query_of(await annas.send(program.address(), shop=""))


async def test_stranger_signs_in_first_and_comes_back_to_the_question(visitor, anna, owned, program) -> None:
    first = await visitor.get(program.address())
    assert first.headers["location"].startswith("/sign-in?next=%2Foauth%2Fauthorize")
    second = await visitor.sign_in(anna.email, address=first.headers["location"])
    assert second.headers["location"] == program.address()


async def test_consent_page_lets_its_form_lead_to_the_program_and_nowhere_else(annas, program) -> None:
    page = await annas.get(program.address())
    assert "form-action 'self' http://127.0.0.1:49152" in page.headers["content-security-policy"]


async def test_program_can_be_limited_to_one_shop(annas, program, owned, anna, other_shop: Shop) -> None:
    await members.add(other_shop.id, anna.id, "manager")
    all_of_them = (await program.tokens_of(annas))["access_token"]
    one = (await program.tokens_of(annas, shop=owned.id))["access_token"]
    there = {"Vitrina-Shop": other_shop.id}
    assert (await program.http.get("/v1/items", headers=bearer(all_of_them, **there))).status_code == 200
    assert (await program.http.get("/v1/items", headers=bearer(one, **there))).status_code == 404
    assert (await program.http.get("/v1/items", headers=bearer(all_of_them))).status_code == 422, "which of the two?"
    assert (await program.http.get("/v1/items", headers=bearer(one))).status_code == 200
    refused = await annas.send(program.address(), decision="allow", shop="shop_of_nobody")
    assert refused.status_code == 403


async def test_registered_program_with_a_secret_needs_it(annas: Visitor, client, anna) -> None:
    row, secret = await clients.register("Reports", ["https://reports.example/callback"], with_secret=True)
    program = Program(client, row.id, "https://reports.example/callback", secret)
    code = await program.code_from(annas)
    without = Program(client, row.id, program.redirect_uri, "", program.verifier)
    assert (await without.redeem(code)).status_code == 401
    wrong = Program(client, row.id, program.redirect_uri, "x" + secret, program.verifier)
    assert (await wrong.redeem(code)).status_code == 401
    assert (await program.redeem(code)).status_code == 200


@pytest.mark.parametrize(
    "uri", ["http://reports.example/cb", "https://*.example/cb", "javascript:x", "https://a.example/#x", "app:/cb", ""]
)
async def test_address_that_strangers_could_read_is_not_registered(db: None, uri: str) -> None:
    with pytest.raises(clients.BadRedirect):
        await clients.register("Reports", [uri], with_secret=False)
