"""Refresh tokens rotate, a stolen one is noticed, and what was ended is worth nothing a second later."""

import asyncio
import hmac
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from authlib.common.encoding import json_dumps, urlsafe_b64encode
from joserfc import jwt
from joserfc.jwk import ECKey, Key
from starlette.applications import Starlette

from server.access import pruning
from server.access.oauth import clients
from server.access.oauth.models import AuthorizationCode, Grant, RefreshToken, SigningKey
from server.access.oauth.signing import SigningKeys
from server.access.people.models import Person
from server.settings import Settings
from server.shops.models import Member, Shop
from server.storage.secret import Secret
from tests.account.programs import Program, bearer
from tests.account.visitor import Visitor

SOON_S = 1.1  # the contract: within one second


def signed_with_the_public_key(head: dict[str, str], body: str, key: Key) -> str:
    """A token for servers that take the algorithm from the token and the published key for a shared secret."""
    start = f"{urlsafe_b64encode(json_dumps(head | {'alg': 'HS256'}).encode()).decode()}.{body}"
    return f"{start}.{urlsafe_b64encode(hmac.digest(key.as_pem(private=False), start.encode(), 'sha256')).decode()}"


async def status_of(program: Program, token: str) -> int:
    return (await program.http.get("/v1/items", headers=bearer(token))).status_code


async def test_refresh_token_gives_the_next_pair_once(annas: Visitor, program: Program) -> None:
    first = await program.tokens_of(annas)
    second = (await program.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert await status_of(program, second["access_token"]) == 200
    third = (await program.refresh(second["refresh_token"], scope="read")).json()
    assert third["scope"] == "read"
    assert (await program.refresh(third["refresh_token"], scope="admin")).json()["error"] == "invalid_scope"


async def test_refresh_token_that_is_shown_twice_ends_the_whole_grant(annas: Visitor, program: Program) -> None:
    first = await program.tokens_of(annas)
    second = (await program.refresh(first["refresh_token"])).json()
    assert (await program.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await program.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
    await asyncio.sleep(SOON_S)
    assert await status_of(program, second["access_token"]) == 401


async def test_one_refresh_token_shown_many_times_at_once_gives_one_pair(annas, program) -> None:
    tokens = await program.tokens_of(annas)
    answers = await asyncio.gather(*(program.refresh(tokens["refresh_token"]) for _ in range(8)))
    assert sum(answer.status_code == 200 for answer in answers) == 1


async def test_refresh_token_of_another_program_is_worth_nothing(annas, program, anna) -> None:
    tokens = await program.tokens_of(annas)
    other, _ = await clients.register("Other", ["https://other.example/cb"], with_secret=False)
    thief = Program(program.http, other.id)
    assert (await thief.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await thief.ask("/oauth/revoke", token=tokens["refresh_token"])).status_code == 400
    assert (await program.refresh(tokens["refresh_token"])).status_code == 200


async def test_old_tokens_are_worth_nothing(annas: Visitor, program: Program) -> None:
    tokens = await program.tokens_of(annas)
    await RefreshToken.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await program.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    await Grant.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await asyncio.sleep(SOON_S)
    assert await status_of(program, tokens["access_token"]) == 401


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_token_that_is_given_back_ends_both(annas: Visitor, program: Program, kind: str) -> None:
    tokens = await program.tokens_of(annas)
    hint = {"token_type_hint": "anything"}
    assert (await program.ask("/oauth/revoke", token=tokens[kind], **hint)).status_code == 200
    assert (await program.ask("/oauth/revoke", token=tokens[kind])).status_code == 200, "once more is no error"
    await asyncio.sleep(SOON_S)
    assert await status_of(program, tokens["access_token"]) == 401
    assert (await program.refresh(tokens["refresh_token"])).status_code == 400
    assert (await program.ask("/oauth/revoke", token="unknown")).status_code == 200
    assert (await program.ask("/oauth/revoke")).json()["error"] == "invalid_request"


async def test_person_ends_the_access_of_a_program(annas: Visitor, program: Program) -> None:
    tokens = await program.tokens_of(annas)
    page = await annas.get("/account")
    assert "Vitrina at the terminal" in page.text
    (grant,) = await Grant.all()
    await annas.send(page, "/account/programs", grant=grant.id)
    await asyncio.sleep(SOON_S)
    assert await status_of(program, tokens["access_token"]) == 401
    assert "Vitrina at the terminal" not in (await annas.get("/account")).text


async def test_member_who_was_removed_is_out_within_a_second(annas, program, owned: Shop) -> None:
    tokens = await program.tokens_of(annas)
    assert await status_of(program, tokens["access_token"]) == 200
    await Member.filter(shop_id=owned.id).delete()
    await asyncio.sleep(SOON_S)
    assert await status_of(program, tokens["access_token"]) == 403


async def test_forged_tokens_are_refused(annas: Visitor, program: Program, app: Starlette, anna: Person) -> None:
    token = (await program.tokens_of(annas))["access_token"]
    tokens = app.state.services.provider.tokens
    key = await tokens.keys.current()
    good = jwt.decode(token, key, algorithms=["ES256"])
    head, body, mark = token.split(".")
    other = ECKey.generate_key("P-256", {"kid": key.kid})
    with_claims = lambda **claims: jwt.encode(good.header, good.claims | claims, key)  # noqa: E731
    forged = {
        "another key": jwt.encode(good.header, good.claims, other),
        "no signature": f"{head}.{body}.",
        "another body": f"{head}.{body[:-4]}AAAA.{mark}",
        "the public key as a secret": signed_with_the_public_key(good.header, body, key),
        "an unknown key": jwt.encode(good.header | {"kid": "x"}, good.claims, key),
        "another kind of token": jwt.encode(good.header | {"typ": "JWT"}, good.claims, key),
        "another issuer": with_claims(iss="https://evil.example"),
        "another audience": with_claims(aud="https://evil.example"),
        "too old": with_claims(exp=1),
        "somebody else": with_claims(sub="person_x"),
        "no grant": with_claims(grant="grant_x"),
    }
    assert await status_of(program, with_claims()) == 200
    assert {what: await status_of(program, token) for what, token in forged.items()} == dict.fromkeys(forged, 401)


async def test_new_key_is_published_before_it_signs_and_the_old_one_after(settings: Settings, db: None) -> None:
    keys = SigningKeys(Secret(settings))
    first = await keys.current()
    long_ago = datetime.now(UTC) - timedelta(days=31)
    await SigningKey.all().update(active_from=long_ago)
    keys = SigningKeys(Secret(settings))
    assert (await keys.current()).kid == first.kid, "copies of the key set have an hour to catch up"
    published = [key["kid"] for key in (await keys.public_set())["keys"]]
    assert len(published) == 2 and first.kid in published
    await SigningKey.exclude(id=first.kid).update(active_from=datetime.now(UTC) - timedelta(hours=2))
    keys = SigningKeys(Secret(settings))
    assert (await keys.current()).kid != first.kid
    assert await keys.verifying(first.kid) is not None
    await SigningKey.exclude(id=first.kid).update(active_from=datetime.now(UTC) - timedelta(days=2))
    assert await SigningKeys(Secret(settings)).verifying(first.kid) is None


async def test_private_keys_are_encrypted_and_a_lost_secret_makes_new_ones(settings: Settings, db: None) -> None:
    key = await SigningKeys(Secret(settings)).current()
    row = await SigningKey.get()
    assert key.as_dict(private=True)["d"] not in row.sealed
    (settings.folder / "secret.key").unlink()
    assert (await SigningKeys(Secret(settings)).current()).kid != key.kid


async def test_bad_requests_for_tokens_are_told_apart(client: httpx.AsyncClient, anna: Person) -> None:
    async def error(**form: str) -> tuple[int, str]:
        answer = await client.post("/oauth/token", data=form)
        return answer.status_code, answer.json()["error"]

    me = {"client_id": "vitrina-terminal"}
    assert await error(grant_type="password", **me) == (400, "unsupported_grant_type")
    assert await error(**me) == (400, "unsupported_grant_type")
    assert await error(grant_type="refresh_token", **me) == (400, "invalid_request")
    assert await error(grant_type="refresh_token", refresh_token="x", **me) == (400, "invalid_grant")
    assert (await error(grant_type="authorization_code", code="x"))[1] == "invalid_client"
    assert await error(grant_type='"\\é', **me) == (400, "invalid_request")


async def test_what_ran_out_is_removed_and_the_rest_stays(annas: Visitor, program: Program) -> None:
    tokens = await program.tokens_of(annas)
    await program.code_from(annas)
    await AuthorizationCode.all().update(expires_at=datetime.now(UTC) - timedelta(days=2))
    assert await pruning.prune() == 2
    assert (await program.refresh(tokens["refresh_token"])).status_code == 200
    assert (await annas.get("/account")).status_code == 200
    await Grant.all().update(expires_at=datetime.now(UTC) - timedelta(days=2))
    await pruning.prune()
    assert await RefreshToken.all().count() == 0, "the tokens of a grant go with it"
