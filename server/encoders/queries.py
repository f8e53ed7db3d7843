"""What shoppers search for, turned into vectors by a process that has the text encoder loaded, asked over Redis.

The API asks through `Queries`; it never waits where nobody answers, and never long where somebody should. A worker
keeps `python -m server.encoders.queries` running, which answers. Vectors are kept for a day: shops are asked the same
things again and again.
"""

import asyncio
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server import logs
from server.encoders import choice
from server.settings import Settings, SettingsError, load
from server.storage import redis as redis_storage

if TYPE_CHECKING:
    from server.encoders.encoder import Encoder

_WAIT_S = 0.2  # a page of search results that comes later feels slow; encoding one query takes some 10 ms
_KEPT_S = 24 * 3600
_BEAT_S = 1.0
_ALIVE_MS = 3_000
_ASKED_LIFETIME_S = 2  # nobody waits for an answer after that
_MOST_TOGETHER = 32
_LONGEST = 300  # characters
_PAUSE_S = 1.0
_CHOICE_CHECK_S = 30.0
_FAILURES = (RedisError, OSError, TimeoutError)

log = structlog.get_logger(__name__)

Vector = NDArray[np.float32]


class Question(msgspec.Struct, frozen=True, array_like=True):
    """One query to encode. `reply`: the list in Redis that its vector goes to."""

    reply: str
    text: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Question).decode


def _alive_key(encoder: str) -> str:
    return f"vitrina:queries:{encoder}:alive"


def _asked_key(encoder: str) -> str:
    return f"vitrina:queries:{encoder}:asked"


def _vector_key(encoder: str, text: str) -> str:
    return f"vitrina:queries:{encoder}:{blake2b(text.encode(), digest_size=16).hexdigest()}"


def _pack(vector: Vector) -> bytes:
    return vector.astype("<f2").tobytes()


def _unpack(raw: bytes) -> Vector:
    return np.frombuffer(raw, dtype="<f2").astype(np.float32)


class Queries:
    """The asking side."""

    def __init__(self, redis: "Redis") -> None:
        self._redis: Any = redis  # whose types are those of the synchronous client

    async def vector_of(self, encoder: str, text: str) -> Vector | None:
        """The vector (d,) float32 of `text` by the encoder of that name; None if nobody answers in time."""
        text = " ".join(text.casefold().split())[:_LONGEST]
        try:
            async with asyncio.timeout(2 * _WAIT_S):
                known, alive = await self._redis.mget(_vector_key(encoder, text), _alive_key(encoder))
                if known is None and alive is not None:
                    known = await self._ask(encoder, text)
        except _FAILURES as error:
            log.warning("queries.not_asked", error=f"{type(error).__name__}: {error}")
            return None
        return _unpack(known) if known else None

    async def _ask(self, encoder: str, text: str) -> bytes | None:
        question = Question(f"vitrina:queries:reply:{secrets.token_hex(8)}", text)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.rpush(_asked_key(encoder), _encode(question))
            pipeline.expire(_asked_key(encoder), _ASKED_LIFETIME_S)
            await pipeline.execute()
        answer = await self._redis.blpop([question.reply], timeout=_WAIT_S)
        return answer[1] if answer else None


async def answer_queries(encoder: "Encoder", redis: "Redis") -> None:
    """Answer until cancelled, several questions at a time where they pile up."""
    beating = asyncio.create_task(_beat(encoder.name, redis))
    try:
        while True:
            try:
                await _answer_some(encoder, redis)
            except _FAILURES as error:
                log.warning("queries.redis_away", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(_PAUSE_S)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _answer_some(encoder: "Encoder", redis: Any) -> None:
    first = await redis.blpop([_asked_key(encoder.name)], timeout=1)
    if first is None:
        return
    further: list[bytes] = await redis.lpop(_asked_key(encoder.name), _MOST_TOGETHER - 1) or []
    questions = [question for raw in (first[1], *further) if (question := _readable(raw)) is not None]
    texts = list(dict.fromkeys(question.text for question in questions))
    vectors = dict(zip(texts, await asyncio.to_thread(_vectors, encoder, texts), strict=True))
    async with redis.pipeline(transaction=False) as pipeline:
        for text, vector in vectors.items():
            pipeline.set(_vector_key(encoder.name, text), vector, ex=_KEPT_S)
        for question in questions:
            pipeline.rpush(question.reply, vectors[question.text])
            pipeline.expire(question.reply, _ASKED_LIFETIME_S)
        await pipeline.execute()


def _readable(raw: bytes) -> Question | None:
    try:
        return _decode(raw)
    except msgspec.MsgspecError:
        return None  # of another version of this code


def _vectors(encoder: "Encoder", texts: Sequence[str]) -> list[bytes]:
    return [_pack(vector) for vector in encoder.encode_texts(texts)] if texts else []


async def _beat(encoder: str, redis: "Redis") -> None:
    while True:
        try:
            await redis.set(_alive_key(encoder), b"1", px=_ALIVE_MS)
        except _FAILURES as error:
            log.debug("queries.no_heartbeat", error=str(error))
        await asyncio.sleep(_BEAT_S)


async def _serve(settings: Settings) -> int:
    from server.encoders.encoder import EncoderError  # not at the top: the API, which only asks, needs none of it
    from server.encoders.encoder import load as load_encoder

    chosen = choice.choose(settings).text
    if not chosen:
        log.error("queries.no_encoder", reason=choice.choose(settings).reason)
        return 1
    started = time.monotonic()
    try:
        encoder = await asyncio.to_thread(load_encoder, chosen, settings)
        await asyncio.to_thread(encoder.encode_texts, ["warm up"])
    except EncoderError as error:
        log.error("queries.encoder_not_loaded", encoder=chosen, error=str(error))
        return 1
    log.info("queries.ready", encoder=encoder.name, seconds=round(time.monotonic() - started, 1))
    redis = redis_storage.connect(settings)
    answering = asyncio.create_task(answer_queries(encoder, redis))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, answering.cancel)
    try:
        while not (await asyncio.wait([answering], timeout=_CHOICE_CHECK_S))[0]:
            if choice.choose(settings).text != chosen:
                log.info("queries.encoder_changed")  # CLIP's weights have come: the worker starts this again
                answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    finally:
        await redis.aclose()
    return 0


def main() -> int:
    """Answer until the process is told to end."""
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.set_up(settings)
    try:
        return asyncio.run(_serve(settings))
    finally:
        logs.flush()


if __name__ == "__main__":
    raise SystemExit(main())
