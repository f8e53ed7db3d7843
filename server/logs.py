"""Structured logs: one line per happening, JSON for machines or colours for people, on standard error.

`set_up(settings)` is called once by each process. Libraries that log through the standard library (uvicorn, ARQ,
Tortoise) end up in the same stream and form. Lines of one request carry its id, see `request_id`.
"""

import atexit
import logging
import sys
import threading
import time
from contextvars import ContextVar
from typing import Any, BinaryIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from server.settings import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="")

_BUFFER_BYTES = 65_536
_REQUEST_BYTES = 256  # about that long is the line of one
_FLUSH_EVERY_S = 0.25  # how late an ordinary line may reach the stream; warnings and worse are written at once
_CHATTY = (
    "faiss.loader",
    "httpx",
    "httpcore",
    "arq.worker",
    "tortoise",
    "aiosqlite",
    "asyncio",
    "PIL",
    "python_multipart",
)
_encode = msgspec.json.Encoder(enc_hook=str).encode
_writer: "LineWriter | None" = None
_fast_requests = False
_second: tuple[int, str] = (0, "")  # the last second that was written out: most lines share it with others


class RequestLine(msgspec.Struct):
    """What the log says of one request. `ms`: from the request to its answer."""

    method: str
    route: str
    status: int
    ms: float
    request_id: str
    shop: str
    key: str
    time: str = ""
    level: str = "info"
    event: str = "request"


class LineWriter:
    """Writes whole lines to a binary stream through a buffer, so that a request does not pay for a system call, nor
    for the wording of its own line.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes | tuple[int, RequestLine]] = []
        self._bytes = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._flush_now_and_then, name="log-flush", daemon=True).start()
        atexit.register(self.flush)

    def write(self, line: bytes, *, at_once: bool) -> None:
        """Take one line, without its line end."""
        self._take(line, len(line))
        if at_once:
            self.flush()

    def write_request(self, line: RequestLine) -> None:
        """Take the line of a request that has just been answered."""
        self._take((time.time_ns(), line), _REQUEST_BYTES)

    def flush(self) -> None:
        """Write what is waiting. A stream that is gone (a closed pipe) loses lines, never the request."""
        with self._lock:
            if not self._lines:
                return
            lines, self._lines, self._bytes = self._lines, [], 0
            worded = [line if isinstance(line, bytes) else _worded(*line) for line in lines]
            try:
                self._stream.write(b"\n".join(worded) + b"\n")
                self._stream.flush()
            except (OSError, ValueError):
                return

    def _take(self, line: bytes | tuple[int, RequestLine], size_bytes: int) -> None:
        with self._lock:
            self._lines.append(line)
            self._bytes += size_bytes
        if self._bytes > _BUFFER_BYTES:
            self.flush()

    def _flush_now_and_then(self) -> None:
        while True:
            time.sleep(_FLUSH_EVERY_S)
            self.flush()


class _StreamLogger:
    """What structlog calls at the end of its chain: hands the rendered line to the writer."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def _later(self, line: bytes) -> None:
        self._writer.write(line, at_once=False)

    def _now(self, line: bytes) -> None:
        self._writer.write(line, at_once=True)

    debug = info = msg = _later
    warning = warn = error = exception = critical = fatal = _now


class _Forward(logging.Handler):
    """Takes what libraries log through the standard library to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one record; the message is rendered here, its arguments are not kept."""
        happening: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            happening["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **happening)


def set_up(settings: Settings) -> None:
    """Configure the logs of this process."""
    global _writer, _fast_requests  # one process has one standard error
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    _writer = _writer or LineWriter(cast(BinaryIO, sys.stderr.buffer))
    for_people = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    _fast_requests = not for_people and level <= logging.INFO
    structlog.configure(
        processors=_processors(for_people=for_people),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StreamLogger(cast(LineWriter, _writer)),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=level, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "arq"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True


def request_line(line: RequestLine) -> None:
    """Write the line of one request: the same as `info("request", …)`, at a tenth of the cost where lines are JSON."""
    if _fast_requests:
        cast(LineWriter, _writer).write_request(line)
        return
    happening = msgspec.structs.asdict(line)
    del happening["time"], happening["level"], happening["event"]
    structlog.get_logger().info("request", **happening)


def flush() -> None:
    """Write every line that still waits; a process calls it before it ends."""
    if _writer is not None:
        _writer.flush()


def _processors(*, for_people: bool) -> list[Processor]:
    shared: list[Processor] = [structlog.processors.add_log_level, _with_request_id]
    if for_people:
        # the plain form: others print local variables, and with them keys
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        return [*shared, structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), _as_bytes(console)]
    return [*shared, _with_time, structlog.processors.format_exc_info, _as_json]


def _with_request_id(_logger: Any, _method: str, happening: EventDict) -> EventDict:
    current = request_id.get()
    if current and "request_id" not in happening:
        happening["request_id"] = current
    return happening


def _with_time(_logger: Any, _method: str, happening: EventDict) -> EventDict:
    happening["time"] = _written(time.time_ns())
    return happening


def _worded(time_ns: int, line: RequestLine) -> bytes:
    line.time = _written(time_ns)
    return _encode(line)


def _written(time_ns: int) -> str:
    global _second
    seconds, milliseconds = divmod(time_ns // 1_000_000, 1000)
    known = _second  # of which the thread that writes may make another meanwhile
    if known[0] != seconds:
        known = _second = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)))
    return f"{known[1]}.{milliseconds:03}Z"


def _as_json(_logger: Any, _method: str, happening: EventDict) -> bytes:
    try:
        return _encode(happening)
    except (TypeError, ValueError):
        return _encode({key: str(value) for key, value in happening.items()})


def _as_bytes(render: Any) -> Processor:
    def rendered(logger: Any, method: str, happening: EventDict) -> bytes:
        return str(render(logger, method, happening)).encode("utf-8", "replace")

    return rendered
