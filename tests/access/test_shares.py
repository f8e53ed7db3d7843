"""A shop that takes more than its share of a process is held back, its neighbours are not; alone it may take all."""

import asyncio
import time

import pytest

from server.access import shares
from server.access.shares import Shares
from server.settings import Settings
from tests.access.test_limits import limited
from tests.conftest import ShopKeys


async def _busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.mark.slow
async def test_who_took_too_much_waits_and_its_neighbour_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_AT_ONCE_S", 0.01)
    account = Shares(0.05)
    await account.measured("quiet", _busy(0.001))
    await account.measured("loud", _busy(0.1))
    assert 1 <= account.wait_of_shop("loud") <= 2
    assert account.wait_of_shop("quiet") == account.wait_of_shop("somebody new") == 0
    for _ in range(40):
        if account.wait_of_shop("loud") == 0:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("whoever paid back stays locked out")


async def test_shop_without_neighbours_may_take_everything() -> None:
    account = Shares(0.25)
    await account.measured("loud", _busy(0.4))
    assert account.wait_of_shop("loud") == 0
    no_limit = Shares(1)
    await no_limit.measured("quiet", _busy(0.001))
    await no_limit.measured("loud", _busy(0.4))
    assert no_limit.wait_of_shop("loud") == 0


async def test_waiting_is_nobodys_time_and_what_is_thrown_comes_through() -> None:
    account = Shares(0.25)
    await account.measured("quiet", _busy(0.001))
    await account.measured("waiting", asyncio.sleep(0.5))
    assert account.wait_of_shop("waiting") == 0

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        await account.measured("waiting", fail())
    cancelled = asyncio.create_task(account.measured("waiting", asyncio.sleep(60)))
    await asyncio.sleep(0.01)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_long_request_is_charged_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_AT_ONCE_S", 0.01)
    account = Shares(0.05)
    await account.measured("quiet", _busy(0.001))
    gate = asyncio.Event()

    async def follow() -> None:
        await _busy(0.1)
        await gate.wait()

    following = asyncio.create_task(account.measured("loud", follow()))
    await asyncio.sleep(0.15)
    assert account.wait_of_shop("loud") >= 1
    gate.set()
    await following


async def test_requests_that_come_together_are_not_all_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_AT_ONCE_S", 0.01)
    account = Shares(0.25)
    await account.measured("quiet", _busy(0.001))
    gate = asyncio.Event()
    let_in: list[asyncio.Task[None]] = []
    for _ in range(1_000):
        if not account.wait_of_shop("loud"):
            let_in.append(asyncio.create_task(account.measured("loud", _after(gate))))
            await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*let_in)
    assert 1 < len(let_in) < 200


async def _after(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_busy_shop_gets_429_and_when_to_come_back_while_the_other_is_answered(
    settings: Settings, keys: ShopKeys, other_keys: ShopKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "_AT_ONCE_S", 0.02)
    batch = {"items": [{"item_id": f"A{number}", "title": "Shirt"} for number in range(1_000)]}
    loud, quiet = ({"Authorization": f"Bearer {found.secret}"} for found in (keys, other_keys))
    async with limited(settings, shop_share=0.05) as client:
        answered: list[int] = []
        taken = 0
        refused = None
        for _ in range(30):
            answered.append((await client.get("/v1/items", headers=quiet)).status_code)
            last = await client.post("/v1/items/batch", json=batch, headers=loud)
            refused = last if last.status_code == 429 else refused
            taken += last.status_code == 200
        assert answered == [200] * 30
        assert taken and refused is not None
        assert int(refused.headers["retry-after"]) >= 1
        assert "this shop" in refused.json()["detail"]
