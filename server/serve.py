"""One API process: the application on uvicorn, on a socket of its own.

Several processes share the port by SO_REUSEPORT, so that the kernel spreads connections over them. Workers that accept
from one common socket now and then leave all long-lived connections to one of them.
"""

import gc
import socket
from types import FrameType

import uvicorn

from server import checks, logs
from server.api.news import News
from server.app import build
from server.settings import Settings

_BACKLOG = 2048
_KEEP_ALIVE_S = 75  # longer than the proxies in front keep a connection (nginx: 60), else they meet a closed one
_DRAIN_S = 2  # for open requests when the process is asked to end; streams have ended by then


def serve(settings: Settings) -> int:
    """Serve the API until SIGTERM or SIGINT; returns the exit code."""
    logs.set_up(settings)
    gc.set_threshold(50_000, 20, 50)  # requests make short-lived objects that reference counting frees by itself
    app = build(settings)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = _Server(config, app.state.services.news)
    server.run(sockets=[listening_socket(settings)])
    logs.flush()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Uvicorn, which ends the streams it serves before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, news: News) -> None:
        super().__init__(config)
        self._news = news

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Hear a signal."""
        self._news.close()
        super().handle_exit(sig, frame)


def listening_socket(settings: Settings) -> socket.socket:
    """A socket on the API's address that other processes may share."""
    family, kind, protocol, _, address = checks.address_of(settings)
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
