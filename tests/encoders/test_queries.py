"""Search queries become vectors on a worker: asked over Redis, never waited for in vain."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from redis.asyncio import Redis

from server.encoders.queries import Queries, answer_queries
from server.settings import Settings


class Letters:
    """A tiny encoder: how often each letter stands in a text."""

    name = "letters-1"
    dimensions = 26

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.pause_s = 0.0

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.batches.append(list(texts))
        time.sleep(self.pause_s)
        counts = np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)

    def encode_images(self, images: Sequence[object]) -> np.ndarray:
        raise NotImplementedError


@pytest.fixture
async def encoder(redis: Redis) -> AsyncIterator[Letters]:
    """An encoder that answers."""
    letters = Letters()
    answering = asyncio.create_task(answer_queries(letters, redis))
    await asyncio.sleep(0.05)
    yield letters
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)


async def test_query_becomes_the_encoders_vector(encoder: Letters, redis: Redis) -> None:
    vector = await Queries(redis).vector_of("letters-1", "  Warm   COAT ")
    assert vector is not None and vector.dtype == np.float32
    np.testing.assert_allclose(vector, encoder.encode_texts(["warm coat"])[0], atol=1e-3)


async def test_same_query_is_encoded_once(encoder: Letters, redis: Redis) -> None:
    for text in ("warm coat", "Warm coat", "warm  coat"):
        assert await Queries(redis).vector_of("letters-1", text) is not None
    assert encoder.batches == [["warm coat"]]


async def test_many_queries_at_once_share_batches(encoder: Letters, redis: Redis) -> None:
    encoder.pause_s = 0.02
    texts = ["x" * n for n in range(1, 30)]
    await asyncio.gather(*(Queries(redis).vector_of("letters-1", text) for text in texts))
    await asyncio.sleep(0.5)  # on a busy machine some answers come after their askers have gone
    for text in texts:
        assert await Queries(redis).vector_of("letters-1", text) is not None
    assert len(encoder.batches) < 15


async def test_nobody_waits_where_no_encoder_is(redis: Redis) -> None:
    started = time.monotonic()
    assert await Queries(redis).vector_of("letters-1", "warm coat") is None
    assert time.monotonic() - started < 0.1


async def test_slow_answer_is_not_waited_for_but_kept(encoder: Letters, redis: Redis) -> None:
    encoder.pause_s = 0.5
    started = time.monotonic()
    assert await Queries(redis).vector_of("letters-1", "warm coat") is None
    assert time.monotonic() - started < 0.45
    await asyncio.sleep(0.5)
    assert await Queries(redis).vector_of("letters-1", "warm coat") is not None


async def test_other_encoders_vectors_are_not_mixed_up(encoder: Letters, redis: Redis) -> None:
    assert await Queries(redis).vector_of("letters-2", "warm coat") is None


async def test_redis_away_finds_nothing() -> None:
    away = Redis.from_url("redis://127.0.0.1:18178/0", socket_connect_timeout=1)
    assert await Queries(away).vector_of("letters-1", "warm coat") is None
    await away.aclose()


async def test_nonsense_in_the_queue_is_passed_over(encoder: Letters, redis: Redis) -> None:
    await redis.rpush("vitrina:queries:letters-1:asked", b"\xff\x00", b"{}")
    assert await Queries(redis).vector_of("letters-1", "warm coat") is not None


@pytest.mark.slow
async def test_worker_process_answers_until_it_is_told_to_end(settings: Settings, redis: Redis) -> None:
    environment = os.environ | settings.as_environment() | {"VITRINA_ENCODER": "minilm", "VITRINA_LOG_FORMAT": "json"}
    folder = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.encoders.queries", env=environment, cwd=folder
    )
    queries = Queries(redis)
    for _ in range(600):
        vector = await queries.vector_of("minilm-1", "a warm coat")
        if vector is not None:
            break
        assert process.returncode is None
        await asyncio.sleep(0.1)
    assert vector is not None and vector.shape == (384,)
    near = await queries.vector_of("minilm-1", "winter jacket")
    far = await queries.vector_of("minilm-1", "coffee machine")
    assert near is not None and far is not None
    assert vector @ near > vector @ far + 0.2
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
