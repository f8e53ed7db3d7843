"""`vitrina-server up`: the whole installation as one family of processes.

Embedded Redis (unless a setting names another), the migrations, then API processes and workers. One that ends is
started again; Ctrl-C ends all in order; should the supervisor itself be killed, the kernel ends the others.
"""

import asyncio
import contextlib
import http.client
import os
import shutil
import signal
import sys
import time

import structlog

from server import checks, logs
from server.processes import GivenUp, Kept
from server.settings import Settings
from server.storage import redis_server
from server.storage.redis import socket_path

_MOST_API_PROCESSES = 4  # by default; more than this only a busy shop needs
_GIVE_UP_AFTER = 4
_READY_WITHIN_S = 60.0
_REDIS_WITHIN_S = 15.0
# the times to end in, together about six seconds: requests drain, workers hand their tasks back, Redis writes its log
_API_GRACE_S, _WORKER_GRACE_S, _REDIS_GRACE_S = 2.5, 3.5, 1.0

log = structlog.get_logger(__name__)


class StartError(RuntimeError):
    """Vitrina cannot start; the message says why and what to do."""


def up(settings: Settings) -> int:
    """Run everything in the foreground until Ctrl-C or SIGTERM; returns the exit code."""
    logs.set_up(settings)
    findings = [checks.folder(settings), checks.disk(settings)]
    for finding in findings:
        if finding.verdict != "good":
            print(f"{finding.text} {finding.advice}", file=sys.stderr)
    if any(finding.verdict == "bad" for finding in findings):
        return 1
    try:
        with checks.sole_use(settings):
            taken = checks.port(settings)
            if taken.verdict == "bad":
                raise StartError(f"{taken.text} {taken.advice}")
            asyncio.run(_Family(settings).live())
    except (checks.AlreadyRunning, StartError, GivenUp, FileNotFoundError) as error:
        logs.flush()
        print(f"Vitrina did not start. {error}" if isinstance(error, StartError) else error, file=sys.stderr)
        return 1
    finally:
        logs.flush()
    return 0


class _Family:
    """The processes of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = [self._redis_process()] if redis_server.is_wanted(settings) else []
        self._apis = [self._member("API", "serve") for _ in range(_api_processes(settings))]
        self._workers = [self._member("worker", "worker") for _ in range(settings.worker_processes)]
        self._keeping: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()

    async def live(self) -> None:
        """Start everyone, watch them, and end everyone."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        watching = asyncio.create_task(self._start_and_watch())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([watching, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(watching)
            stopping.cancel()
        if not watching.cancelled():
            watching.result()  # what went wrong, if anything did

    async def _start_and_watch(self) -> None:
        began = time.monotonic()
        if self._redis:
            await self._start_redis()
        await self._migrate()
        _empty(self._settings)
        self._keep(self._apis + self._workers)
        greeting = asyncio.create_task(self._greet(began))
        try:
            done, _ = await asyncio.wait(self._keeping, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            greeting.cancel()

    async def _start_redis(self) -> None:
        self._keep(self._redis)
        try:
            await self._until_redis_answers()
        except (GivenUp, StartError):
            # it owns nothing that the database does not know: better an empty Redis than none
            if not redis_server.set_aside_log(self._settings):
                raise
            log.warning("redis.log_set_aside", folder=str(self._settings.folder / "redis"))
            await self._redis[0].stop(_REDIS_GRACE_S)
            self._keeping, self._redis = [], [self._redis_process()]
            self._keep(self._redis)
            await self._until_redis_answers()

    async def _until_redis_answers(self) -> None:
        give_up_at = time.monotonic() + _REDIS_WITHIN_S
        while not await _answers_ping(self._settings):
            if self._keeping[0].done():
                self._keeping[0].result()
            if time.monotonic() > give_up_at:
                raise StartError(
                    f"Redis does not answer. {self._settings.folder / 'redis' / 'redis.log'} may say why; with "
                    "VITRINA_REDIS_URL another Redis server can be used."
                )
            await asyncio.sleep(0.02)

    async def _migrate(self) -> None:
        # in a process of its own: this one stays small, and can start children without threads about it
        command = [sys.executable, "-m", "server", "migrate"]
        process = await asyncio.create_subprocess_exec(*command, env=_environment(self._settings))
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            raise
        if code:
            raise StartError("The database could not be brought up to date; the lines above say why.")

    async def _greet(self, began: float) -> None:
        answer = ""
        while time.monotonic() < began + _READY_WITHIN_S:
            ready, answer = await asyncio.to_thread(_is_ready, self._settings)
            if ready:
                logs.flush()
                print(_greeting(self._settings, time.monotonic() - began), flush=True)
                return
            await asyncio.sleep(0.1)
        log.error("vitrina.not_ready", after_s=_READY_WITHIN_S, answer=answer[:500])

    def _keep(self, members: list[Kept]) -> None:
        self._keeping += [asyncio.create_task(member.keep()) for member in members]

    async def _end(self, watching: "asyncio.Task[None]") -> None:
        watching.cancel()
        await asyncio.wait([watching])
        for members, grace_s in (
            (self._apis, _API_GRACE_S),
            (self._workers, _WORKER_GRACE_S),
            (self._redis, _REDIS_GRACE_S),
        ):
            await asyncio.gather(*(member.stop(grace_s) for member in members))
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():  # asked again: no more patience
            for member in self._apis + self._workers + self._redis:
                member.kill()
            return
        log.info("vitrina.stopping")
        self._stop.set()

    def _member(self, name: str, command: str) -> Kept:
        environment = _environment(self._settings)
        return Kept(name, [sys.executable, "-m", "server", command], environment, give_up_after=_GIVE_UP_AFTER)

    def _redis_process(self) -> Kept:
        return Kept("Redis", redis_server.command(self._settings), os.environ, give_up_after=_GIVE_UP_AFTER)


def _api_processes(settings: Settings) -> int:
    return settings.api_processes or min(len(os.sched_getaffinity(0)), _MOST_API_PROCESSES)


def _environment(settings: Settings) -> dict[str, str]:
    # threads that numerical libraries start spin while they wait, which slows everybody on a busy machine
    environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"} | os.environ | settings.as_environment()
    environment["PYTHONUNBUFFERED"] = "1"
    if _api_processes(settings) > 1:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(_figures_folder(settings))
    return environment


def _figures_folder(settings: Settings) -> "os.PathLike[str]":
    return settings.folder / "metrics"


def _empty(settings: Settings) -> None:
    """Begin the counts of all API processes anew."""
    folder = _figures_folder(settings)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103


async def _answers_ping(settings: Settings) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket_path(settings)))
    except OSError:
        return False
    with contextlib.closing(writer):
        writer.write(b"PING\r\n")
        with contextlib.suppress(OSError, TimeoutError):
            return (await asyncio.wait_for(reader.readline(), 1.0)).startswith(b"+PONG")
    return False


def _is_ready(settings: Settings) -> tuple[bool, str]:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return False, str(error)
    finally:
        connection.close()
    return answer.status == 200, body


def _greeting(settings: Settings, seconds: float) -> str:
    return (
        f"\nVitrina is up at {settings.base_url} (after {seconds:.1f} s)\n"
        f"  the API's pages   {settings.base_url}/docs\n"
        f"  the demo shops    {settings.base_url}/demo\n"
        f"  people sign in    {settings.base_url}/sign-in (the first is made by `vitrina-server create-owner`)\n"
        f"  the operator key  {settings.folder / 'operator.key'}\n"
        "Ctrl-C stops everything.\n"
    )
