"""Starts what is measured: a process that is ended afterwards, and waits until an address answers."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def process(arguments: list[str], environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A Python process with these arguments, in silence."""
    started = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(20)


def until_it_answers(address: str, within_s: float = 60.0) -> None:
    """Wait for a successful answer; raises the last error when none comes in time."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
