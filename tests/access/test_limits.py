"""Limits hold for all processes together, for each key and each address by itself, and let go again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from server.access import limits
from server.access.addresses import Addresses
from server.access.limits import WINDOW_S, Limiter
from server.access.people import accounts
from server.app import build
from server.settings import Settings
from server.storage import database
from tests.conftest import ShopKeys


def served(limiter: Limiter, key: str, asked: int) -> int:
    """How many of so many requests in a row are served."""
    return sum(limiter.wait_of_key(key) == 0 for _ in range(asked))


async def test_one_process_never_serves_more_than_the_limit(redis: Redis) -> None:
    limiter = Limiter(redis, key_per_s=5, address_per_s=0)
    assert served(limiter, "k", 200) == 5 * WINDOW_S
    assert 1 <= limiter.wait_of_key("k") <= WINDOW_S
    assert served(limiter, "other", 10) == 10, "another key does not feel it"
    await limiter.tell()
    assert served(limiter, "k", 200) == 0
    assert 1 <= limiter.wait_of_key("k") <= WINDOW_S


async def test_several_processes_serve_no_more_together(redis: Redis) -> None:
    processes = [Limiter(redis, key_per_s=100, address_per_s=0) for _ in range(4)]
    total = 0
    for _ in range(60):  # three requests a round and process until each is at its end
        for process in processes:
            total += served(process, "k", 10)
            await process.tell()
    assert 100 * WINDOW_S <= total <= 100 * WINDOW_S * 1.1


async def test_who_waits_is_served_again(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WINDOW_S", 1)
    limiter = Limiter(redis, key_per_s=40, address_per_s=0)
    assert served(limiter, "k", 100) == 40
    await limiter.tell()
    assert served(limiter, "k", 100) == 0
    for _ in range(30):
        await asyncio.sleep(0.1)
        await limiter.tell()
        if served(limiter, "k", 1):
            return
    raise AssertionError("whoever was over the limit stays locked out")


async def test_few_requests_cost_redis_nothing(redis: Redis) -> None:
    limiter = Limiter(redis, key_per_s=100, address_per_s=100)
    for number in range(50):
        assert limiter.wait_of_key("k") == limiter.wait_of_address(number) == 0
    await limiter.tell()
    assert await redis.keys("vitrina:limits*") == []


async def test_limits_hold_without_redis(settings: Settings) -> None:
    nowhere: Any = Redis.from_url("unix:///nowhere.sock")
    limiter = Limiter(nowhere, key_per_s=2, address_per_s=0)
    assert served(limiter, "k", 100) == 2 * WINDOW_S
    with pytest.raises(Exception, match="nowhere"):
        await limiter.tell()
    limiter._failed(ConnectionError("away"))
    assert served(limiter, "k", 100) == 0
    limiter._began -= WINDOW_S
    with pytest.raises(Exception, match="nowhere"):
        await limiter.tell()
        served(limiter, "k", 19)
        await limiter.tell()
    assert served(limiter, "k", 100) > 0


async def test_mark_tells_addresses_apart_and_is_none(redis: Redis) -> None:
    here, there = Addresses(redis), Addresses(redis)
    await here.refresh()
    await there.refresh()

    def mark(addresses: Addresses, address: str) -> int:
        return addresses.mark_of(address)

    assert mark(here, "93.184.215.14") == mark(there, "93.184.215.14") == mark(here, "::ffff:93.184.215.14")
    assert mark(here, "93.184.215.14") != mark(here, "93.184.215.15")
    assert mark(here, "2001:db8:1:1::1") == mark(here, "2001:db8:1:1:ffff::2") != mark(here, "2001:db8:1:2::1")
    assert 0 <= mark(here, "93.184.215.14") < 2**63
    await redis.flushall()
    another_day = Addresses(redis)
    await another_day.refresh()
    assert mark(another_day, "93.184.215.14") != mark(here, "93.184.215.14")


@asynccontextmanager
async def limited(
    settings: Settings, address: str = "93.184.215.14", **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    if not await accounts.installation_has_owner():
        await accounts.open_account("owner@vitrina.test", "", None, verified=True, runs_installation=True)
    await database.disconnect()
    app = build(msgspec.structs.replace(settings, **changes))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://vitrina.test") as client:
            yield client
    await database.connect(settings)


async def test_key_over_its_limit_gets_429_and_when_to_come_back(settings: Settings, keys: ShopKeys) -> None:
    async with limited(settings, key_requests_per_s=1) as client:
        answers = [await client.get("/v1/items/none", params={"key": keys.publishable}) for _ in range(14)]
        assert [answer.status_code for answer in answers] == [404] * 10 + [429] * 4
        refused = answers[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= WINDOW_S
        assert refused.headers["content-type"] == "application/problem+json"
        assert "this key" in refused.json()["detail"]
        other = await client.get("/v1/items/none", headers={"Authorization": f"Bearer {keys.secret}"})
        assert other.status_code == 404


async def test_address_over_its_limit_gets_429_whatever_it_calls(settings: Settings, keys: ShopKeys) -> None:
    async with limited(settings, address_requests_per_s=1) as client:
        calls = ["/v1/items/none", "/healthz", "/docs", "/no/such/page", f"/v1/items/none?key={keys.publishable}"]
        statuses = [(await client.get(calls[number % 5])).status_code for number in range(15)]
        assert 429 not in statuses[:10]
        assert statuses[10:] == [429] * 5
        readable = await client.get("/v1/items/none", headers={"Origin": "https://shop.example"})
        assert (readable.status_code, readable.headers["access-control-allow-origin"]) == (429, "*")


async def test_own_machine_is_not_limited_while_nobody_else_can_reach_it(settings: Settings, db: None) -> None:
    async with limited(settings, "127.0.0.1", address_requests_per_s=1) as client:
        assert {(await client.get("/healthz")).status_code for _ in range(20)} == {200}
    public = {"public_url": "https://recommend.example"}
    async with limited(settings, "127.0.0.1", address_requests_per_s=1, **public) as client:
        assert 429 in {(await client.get("/healthz")).status_code for _ in range(20)}


async def test_no_address_is_kept_in_redis(settings: Settings, keys: ShopKeys, redis: Redis) -> None:
    async with limited(settings, address_requests_per_s=1) as client:
        event = {"type": "view_item", "item_id": "A", "session_id": "s"}
        for _ in range(12):
            await client.post(f"/v1/events?key={keys.publishable}", json={"events": [event]})
            await asyncio.sleep(0.5)
        names = await redis.keys("*")
        assert any(b"limits" in name for name in names), "the limit is counted"
        values = [await redis.get(name) for name in names if await redis.type(name) == b"string"]
        assert not any(b"93.184" in text for text in [*names, *filter(None, values)])
