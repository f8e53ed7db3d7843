"""Sends requests to one address as fast as it answers, or calmly, and tells how many and how long they took.

With wrk where it is installed; else with a small client in Python, which is the slower of the two for fast routes.
"""

import asyncio
import contextlib
import itertools
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

CONNECTIONS = 16
CALM_CONNECTIONS = 2
# Each calm connection then asks some 200 times a second: far from what one core can do. By chance, as visitors do: with
# equal pauses the two would soon ask at the same moments, and the half of all requests would wait for the other.
CALM_PAUSE_MS = (1, 7)


class Request(NamedTuple):
    """One request to send. `path` begins with a slash."""

    path: str
    method: str = "GET"
    body: str = ""


class Result(NamedTuple):
    """What came of it."""

    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p99_ms: float


def press(port: int, requests: Sequence[Request], key: str, seconds: float, *, calmly: bool = False) -> Result:
    """Send `requests` in turn, over and over."""
    if shutil.which("wrk"):
        return _wrk(port, requests, key, seconds, calmly)
    return asyncio.run(_python(port, requests, key, seconds, calmly))


_SCRIPT = """
local requests = {{}}
{requests}
local at = 0
function request() at = at % #requests + 1; return requests[at] end
{delay}
function done(summary, latency)
    local errors = summary.errors
    print(string.format("RESULT %d %d %f %f %f", summary.requests,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.duration / 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def _wrk(port: int, requests: Sequence[Request], key: str, seconds: float, calmly: bool) -> Result:
    lines = [
        f"requests[{number}] = wrk.format({one.method!r}, {_lua(one.path)}, "
        f"{{['Authorization']='Bearer {key}', ['Content-Type']='application/json'}}, {_lua(one.body)})"
        for number, one in enumerate(requests, 1)
    ]
    # in `init` wrk knows the host, which it writes into each request
    prepared = "function init(args)\n" + "\n".join(lines) + "\nend"
    delay = f"function delay() return math.random{CALM_PAUSE_MS} end" if calmly else ""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT.format(requests=prepared, delay=delay))
        script.flush()
        connections = CALM_CONNECTIONS if calmly else CONNECTIONS
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(round(seconds), 1)}s",
            "-s",
            script.name,
            f"http://127.0.0.1:{port}",
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+)", output)
    if found is None:
        raise RuntimeError(f"wrk said something else:\n{output}")
    count, failures, duration, p50, p99 = found.groups()
    return Result(int(count), int(failures), float(duration), float(p50), float(p99))


def _lua(text: str) -> str:
    return "[==[" + text + "]==]"


async def _python(port: int, requests: Sequence[Request], key: str, seconds: float, calmly: bool) -> Result:
    turns = itertools.cycle([raw(one, key) for one in requests])
    times: list[float] = []
    failures = 0
    end = time.perf_counter() + seconds

    async def one_connection() -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            if calmly:
                await asyncio.sleep(random.uniform(*CALM_PAUSE_MS) / 1000)
            started = time.perf_counter()
            writer.write(next(turns))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            times.append(time.perf_counter() - started)
            failures += head.split(b" ", 2)[1][:1] != b"2"
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    await asyncio.gather(*(one_connection() for _ in range(CALM_CONNECTIONS if calmly else CONNECTIONS)))
    ordered = sorted(times)
    p50, p99 = ordered[len(times) // 2], ordered[int(len(times) * 0.99)]
    return Result(len(times), failures, seconds, p50 * 1000, p99 * 1000)


def raw(request: Request, key: str) -> bytes:
    """The request as it goes over the wire."""
    body = request.body.encode()
    return (
        f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
