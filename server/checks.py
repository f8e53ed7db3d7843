"""What can be wrong before Vitrina starts, each with what to do about it. Used by `up` and by `doctor`."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from server.settings import Settings

_WARN_BELOW_BYTES = 1_000_000_000
_REFUSE_BELOW_BYTES = 200_000_000
_PASSWORDS_OF_BOOKS = frozenset(
    {
        "",
        "admin",
        "changeme",
        "default",
        "example",
        "password",
        "postgres",
        "redis",
        "root",
        "secret",
        "test",
        "vitrina",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `advice` says what to do, empty where all is well."""

    part: str
    verdict: Literal["good", "mind", "bad"]
    text: str
    advice: str = ""


class AlreadyRunning(RuntimeError):  # noqa: N818 - reads as what happened
    """Another Vitrina uses the data folder; the message says which."""


def folder(settings: Settings) -> Finding:
    """Whether the data folder can be made and written."""
    path = settings.folder
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = "Give this user the right to write there, or choose another folder with VITRINA_DATA_FOLDER."
        return Finding("data folder", "bad", f"{path} cannot be written ({error.strerror}).", advice)
    return Finding("data folder", "good", str(path))


def disk(settings: Settings) -> Finding:
    """Whether there is room on the data folder's disk."""
    path = settings.folder
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    text = f"{free / 1e9:.1f} GB free at {path}"
    advice = "Make room, or choose a folder on another disk with VITRINA_DATA_FOLDER."
    if free < _REFUSE_BELOW_BYTES:
        return Finding("disk", "bad", f"{text}, too little to work with.", advice)
    if free < _WARN_BELOW_BYTES:
        return Finding("disk", "mind", f"{text}, which may not last.", advice)
    return Finding("disk", "good", text)


def port(settings: Settings) -> Finding:
    """Whether the API's port is free."""
    where = f"{settings.host}:{settings.port}"
    try:
        family, _, _, _, address = address_of(settings)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        advice = "Ports below 1024 belong to root: choose another with VITRINA_PORT, behind a proxy."
        return Finding("port", "bad", f"{where} may not be used by this user.", advice)
    except socket.gaierror as error:
        advice = "Set VITRINA_HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0."
        return Finding("port", "bad", f"{settings.host!r} is no address ({error.strerror}).", advice)
    except OSError as error:
        advice = f"End the program that uses it (`ss -ltnp 'sport = :{settings.port}'` names it), or set VITRINA_PORT."
        return Finding("port", "bad", f"{where} is taken ({error.strerror}).", advice)
    return Finding("port", "good", f"{where} is free.")


def exposure(settings: Settings) -> Finding:
    """Whether an installation that others reach is set up as one: not in the clear, not chatty, no well-known password.

    What only this machine reaches may be as it likes, and embedded mode (no `database_url`, no `redis_url`) is advised.
    """
    if _is_own_machine(urlsplit(settings.base_url).hostname):
        return Finding("exposure", "good", "this machine only")
    weak = next(_weaknesses(settings), None)
    if weak is None:
        return Finding("exposure", "good", settings.base_url)
    return Finding("exposure", "mind" if settings.is_embedded else "bad", *weak)


def _weaknesses(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong, and what to do about it."""
    if not settings.base_url.startswith("https://"):
        text = f"{settings.base_url} is not https: keys and sign-ins would travel in the clear."
        yield text, "Put a proxy with TLS in front, and set VITRINA_PUBLIC_URL to its https:// address."
    if settings.log_level == "debug":
        yield "The log level is debug: libraries then log what they send.", "Set VITRINA_LOG_LEVEL=info."
    for name in ("database_url", "redis_url"):
        address = urlsplit(getattr(settings, name))
        remote = bool(address.hostname) and not _is_own_machine(address.hostname)
        if remote and (address.password or "") in _PASSWORDS_OF_BOOKS:
            what = "no password" if not address.password else "a password that everybody knows"
            if address.password or name == "database_url":  # a Redis in a closed network often has none
                text = f"`{name}` has {what}."
                yield text, f"Give the server a long random password and put it into VITRINA_{name.upper()}."


def _is_own_machine(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def widget_is_built() -> bool:
    """Whether the storefront's script is there to be served."""
    return (Path(__file__).parent / "widget" / "v1.js").is_file()


def address_of(settings: Settings) -> tuple[int, int, int, str, tuple[str, int]]:
    """The socket address the API listens on, as `getaddrinfo` gives it."""
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return found[0]  # type: ignore[return-value]


@contextmanager
def sole_use(settings: Settings) -> Iterator[None]:
    """Hold the data folder, so that a second `up` on it ends with a message and not with two Redis servers.

    Raises:
        AlreadyRunning: somebody else holds it.

    """
    file = settings.folder / "vitrina.lock"
    with file.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip() or "another process"
            raise AlreadyRunning(
                f"Vitrina already runs on {settings.folder}: {who}. Stop that one first, or choose another folder with "
                "VITRINA_DATA_FOLDER and another VITRINA_PORT."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} at {settings.base_url}\n")
        lock.flush()
        yield
