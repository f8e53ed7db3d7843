"""Short messages between processes, over Redis: what changed, for which shop. They carry news, never the truth:
a process that missed one catches up from the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.storage import database

CHANNEL = "vitrina:messages"
RECONNECT_PAUSE_S = 0.5

log = structlog.get_logger(__name__)


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """News about one shop. `items`: the changed item ids, empty for "any of them"."""

    topic: str  # "items-changed", "snapshot-activated", "keys-changed", "task-changed"
    shop_id: str
    items: tuple[str, ...] = ()
    task_id: str = ""


MOST_ITEMS = 500  # a longer list of changed items is sent as "any of them"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Message).decode


async def publish(redis: "Redis", message: Message) -> None:
    """Tell every process, once the change itself is committed. Redis being away is logged and not raised."""
    if len(message.items) > MOST_ITEMS:
        message = msgspec.structs.replace(message, items=())
    await database.after_commit(partial(_publish, redis, message))


async def _publish(redis: "Redis", message: Message) -> None:
    try:
        await redis.publish(CHANNEL, _encode(message))
    except RedisError as error:
        log.warning("message.not_sent", topic=message.topic, shop=message.shop_id, error=str(error))


async def listen(
    redis: "Redis", on_message: Callable[[Message], Awaitable[None]], on_connect: Callable[[], Awaitable[None]]
) -> None:
    """Hand over every message until cancelled. `on_connect` runs after each (re)connection, to catch up."""
    while True:
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(CHANNEL)
                await on_connect()
                async for raw in channel.listen():
                    await _handle(raw, on_message)
        except (RedisError, OSError) as error:
            log.warning("messages.reconnecting", error=str(error))
            await asyncio.sleep(RECONNECT_PAUSE_S)


async def _handle(raw: dict[str, Any], on_message: Callable[[Message], Awaitable[None]]) -> None:
    try:
        await on_message(_decode(raw["data"]))
    except Exception:
        # one bad message or a failing handler must not end the subscription for all shops
        log.exception("message.failed")
