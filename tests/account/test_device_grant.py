"""A terminal without a browser: codes, patience, one pair of tokens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.access.oauth.models import DeviceCode
from tests.account.programs import DEVICE_GRANT, Program, bearer
from tests.account.visitor import Visitor, words


async def begin(program: Program, **form: str) -> dict[str, Any]:
    answer = await program.ask("/oauth/device_authorization", **form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def poll(program: Program, codes: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await program.ask(grant_type=DEVICE_GRANT, device_code=codes["device_code"])
    return answer.status_code, answer.json()


async def test_terminal_is_let_in_by_a_person_in_a_browser(annas: Visitor, program: Program) -> None:
    codes = await begin(program, scope="read write")
    assert codes["verification_uri"] == "http://127.0.0.1:8000/device"
    assert await poll(program, codes) == (400, {"error": "authorization_pending"})
    typed = codes["user_code"].lower().replace("-", " ")
    asked = await annas.send("/device", user_code=typed)
    assert "Vitrina at the terminal" in words(asked) and codes["user_code"] in words(asked)
    done = await annas.send(asked, "/device", user_code=codes["user_code"], decision="allow", shop="")
    assert "goes on by itself" in words(done)
    status, tokens = await poll(program, codes)
    assert (status, tokens["scope"]) == (200, "read write")
    assert (await program.http.get("/v1/items", headers=bearer(tokens["access_token"]))).status_code == 200
    assert (await program.refresh(tokens["refresh_token"])).status_code == 200


async def test_link_with_the_code_leads_to_the_question(annas: Visitor, program: Program) -> None:
    codes = await begin(program)
    page = await annas.get(codes["verification_uri_complete"].removeprefix("http://127.0.0.1:8000"))
    assert codes["user_code"] in words(page) and "See the shop" in words(page)


async def test_approved_code_is_worth_one_pair_of_tokens(annas: Visitor, program: Program) -> None:
    codes = await begin(program)  # the fourth hole: Authlib pays again and again
    await annas.send("/device", user_code=codes["user_code"], decision="allow", shop="")
    answers = await asyncio.gather(*(poll(program, codes) for _ in range(8)))
    assert sum(status == 200 for status, _ in answers) == 1
    assert (await poll(program, codes))[1]["error"] == "invalid_grant"


async def test_terminal_that_asks_too_often_has_to_slow_down(annas: Visitor, program: Program) -> None:
    codes = await begin(program)
    assert (await poll(program, codes))[1]["error"] == "authorization_pending"
    assert (await poll(program, codes))[1]["error"] == "slow_down"
    assert (await DeviceCode.get()).interval_s == codes["interval"] + 5
    await DeviceCode.all().update(polled_at=datetime.now(UTC) - timedelta(seconds=11))
    assert (await poll(program, codes))[1]["error"] == "authorization_pending"


async def test_no_is_told_to_the_terminal(annas: Visitor, program: Program) -> None:
    codes = await begin(program)
    await annas.send("/device", user_code=codes["user_code"], decision="deny", shop="")
    assert (await poll(program, codes))[1]["error"] == "access_denied"
    late = await annas.send("/device", user_code=codes["user_code"], decision="allow", shop="")
    assert late.status_code == 400
    assert (await poll(program, codes))[1]["error"] == "access_denied"


async def test_code_that_is_too_old_is_worth_nothing(annas: Visitor, program: Program) -> None:
    codes = await begin(program)
    await DeviceCode.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await annas.send("/device", user_code=codes["user_code"])).status_code == 422
    assert (await poll(program, codes))[1]["error"] == "expired_token"


async def test_codes_cannot_be_guessed_one_after_the_other(annas: Visitor, program: Program) -> None:
    page = await annas.get("/device")
    seen = [(await annas.send(page, "/device", user_code=f"BBBB-BBB{letter}")).status_code for letter in "BCDFGHJKLMNP"]
    assert seen == [422] * 10 + [429] * 2


async def test_only_the_hash_of_a_device_code_is_stored(annas: Visitor, program: Program) -> None:
    codes = await begin(program)
    assert codes["device_code"] not in str(dict(await DeviceCode.get()))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"scope": "root"}, "invalid_scope"),
        ({"scope": "é"}, "invalid_request"),
    ],
)
async def test_terminal_that_asks_wrongly_is_told(anna, program: Program, form: dict[str, str], error: str) -> None:
    answer = await program.ask("/oauth/device_authorization", **form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
