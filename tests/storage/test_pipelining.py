"""Reads over one connection: everybody gets the answer to what they asked, whoever leaves and whatever is lost."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from server.storage.pipelining import Pipelining

KEYS = [f"key-{number}" for number in range(50)]


@pytest.fixture
async def reads(redis: Redis) -> AsyncIterator[Pipelining]:
    await redis.mset({key: f"value of {key}" for key in KEYS})
    made = Pipelining(redis, timeout_s=1.0)
    yield made
    made.close()


def values_of(keys: list[str]) -> list[bytes | None]:
    return [f"value of {key}".encode() if key in KEYS else None for key in keys]


async def test_everybody_gets_their_own(reads: Pipelining) -> None:
    chance = random.Random(7)
    asked = [chance.sample([*KEYS, "missing"], chance.randint(1, 5)) for _ in range(500)]
    found = await asyncio.gather(*(reads.mget(keys) for keys in asked))
    assert found == [values_of(keys) for keys in asked]


async def test_who_leaves_takes_nobodys_answer_along(reads: Pipelining) -> None:
    await reads.mget(KEYS[:1])
    asking = [asyncio.create_task(reads.mget([key])) for key in KEYS]
    await asyncio.sleep(0)  # all are sent
    for task in asking[::3]:
        task.cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    for number, (key, answer) in enumerate(zip(KEYS, found, strict=True)):
        if number % 3:
            assert answer == values_of([key])
        else:
            assert isinstance(answer, asyncio.CancelledError)
    assert await reads.mget(KEYS) == values_of(KEYS)


async def test_lost_connection_is_opened_again(reads: Pipelining, redis: Redis) -> None:
    for _ in range(3):
        assert await reads.mget(KEYS) == values_of(KEYS)
        await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        asking = [reads.mget([key]) for key in KEYS]
        assert await asyncio.gather(*asking) == [values_of([key]) for key in KEYS]


@pytest.mark.slow
async def test_server_that_hangs_is_not_waited_for(reads: Pipelining, redis: Redis) -> None:
    assert await reads.mget(KEYS[:1]) == values_of(KEYS[:1])
    await redis.execute_command("CLIENT", "PAUSE", "1500", "ALL")
    with pytest.raises(TimeoutError):
        await reads.mget(KEYS[:1])
    await asyncio.sleep(0.6)
    assert await reads.mget(KEYS) == values_of(KEYS)


async def test_what_redis_refuses_is_told(redis: Redis) -> None:
    reads = Pipelining(redis, timeout_s=1.0)
    with pytest.raises(Exception, match="wrong number of arguments"):
        await reads.mget([])
    reads.close()
