"""The connection to Redis, by settings: a server that `redis_url` names, or the embedded one in the data folder."""

import hashlib
import tempfile
from pathlib import Path

from arq.connections import RedisSettings
from redis.asyncio import Redis

from server.settings import Settings

_LONGEST_SOCKET_PATH = 100  # the kernel's sockaddr_un holds 108 bytes


def socket_path(settings: Settings) -> Path:
    """Where the embedded Redis listens. A data folder with a long path gets a socket in the temporary folder."""
    path = settings.folder / "redis" / "redis.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"vitrina-{name}.sock"


def url(settings: Settings) -> str:
    """The address of Redis in the form that redis-py takes."""
    return settings.redis_url or f"unix://{socket_path(settings)}"


def connect(settings: Settings) -> "Redis":
    """A client with a pool of its own; the caller closes it with `aclose()`. Answers are bytes."""
    return Redis.from_url(url(settings), socket_connect_timeout=3, health_check_interval=30)


def arq_settings(settings: Settings) -> RedisSettings:
    """The same address for ARQ."""
    if settings.redis_url and not settings.redis_url.startswith("unix://"):
        return RedisSettings.from_dsn(settings.redis_url)
    path = settings.redis_url.removeprefix("unix://") or str(socket_path(settings))
    return RedisSettings(unix_socket_path=path)
