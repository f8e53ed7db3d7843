"""`vitrina-server doctor`: looks at everything Vitrina needs, and says what to do about what is wrong."""

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from server import checks
from server.checks import Finding
from server.settings import Settings
from server.storage import database, migrating, redis_server
from server.storage import redis as redis_storage
from server.storage.migrating import SchemaError

_PATIENCE_S = 5.0
_LOOKS = {"good": "[green]good[/]", "mind": "[yellow]mind[/]", "bad": "[red]bad[/]"}


def doctor(settings: Settings) -> int:
    """Print what was found; the exit code is 1 when something must be done first."""
    findings = asyncio.run(examine(settings))
    table = Table("part", "", "what was found", "what to do", box=None, padding=(0, 2, 0, 0))
    for finding in findings:
        table.add_row(finding.part, _LOOKS[finding.verdict], finding.text, finding.advice)
    Console(highlight=False).print(table)
    return int(any(finding.verdict == "bad" for finding in findings))


async def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which things are needed."""
    findings = [checks.folder(settings), checks.disk(settings)]
    if findings[0].verdict == "bad":
        return findings
    findings.append(await _within(_PATIENCE_S, "database", _database, settings))
    redis = await _within(_PATIENCE_S, "redis", _redis, settings)
    findings.append(redis)
    running = _is_running(settings)
    findings.append(running or checks.port(settings))
    if running:
        findings.append(await _within(_PATIENCE_S, "worker", _worker, settings))
    findings += [checks.exposure(settings), _encoders(settings), _widget()]
    return findings


async def _within(
    seconds: float, part: str, check: Callable[[Settings], Awaitable[Finding]], settings: Settings
) -> Finding:
    try:
        return await asyncio.wait_for(check(settings), seconds)
    except TimeoutError:
        return Finding(
            part, "bad", f"It does not answer within {seconds:g} seconds.", f"Check the setting `{part}_url`."
        )
    except Exception as error:
        return Finding(part, "bad", f"{type(error).__name__}: {error}", f"Check the setting `{part}_url`.")


async def _database(settings: Settings) -> Finding:
    kind = "SQLite" if database.url(settings).startswith("sqlite://") else "PostgreSQL"
    try:
        pending = await migrating.pending(settings)
    except SchemaError as error:
        return Finding("database", "bad", str(error), "")
    if pending:
        advice = "`vitrina-server migrate` applies them; `vitrina-server up` does so by itself."
        return Finding("database", "mind", f"{kind}; migrations to apply: {', '.join(pending)}", advice)
    return Finding("database", "good", f"{kind}, with every migration")


async def _redis(settings: Settings) -> Finding:
    client = redis_storage.connect(settings)
    try:
        version = (await client.info("server"))["redis_version"]
    except (OSError, RedisError) as error:
        if redis_server.is_wanted(settings):
            return Finding("redis", "good", f"{redis_server.program()}, started by `vitrina-server up`")
        advice = "Start that server, or correct the setting `redis_url`."
        return Finding("redis", "bad", f"It does not answer: {error}", advice)
    finally:
        await client.aclose()
    return Finding("redis", "good", f"Redis {version} answers.")


async def _worker(settings: Settings) -> Finding:
    from server.tasks.queue import workers_alive

    client = redis_storage.connect(settings)
    try:
        alive = await workers_alive(client)
    finally:
        await client.aclose()
    if not alive:
        advice = "Start one with `vitrina-server worker`, or set `worker_processes`."
        return Finding("worker", "mind", "No worker gave a sign of life; imports wait.", advice)
    return Finding("worker", "good", f"{alive} at work")


def _is_running(settings: Settings) -> Finding | None:
    try:
        with checks.sole_use(settings):
            return None
    except checks.AlreadyRunning:
        return Finding("port", "good", f"Vitrina runs on this data folder, at {settings.base_url}.")


def _encoders(settings: Settings) -> Finding:
    from server.encoders.choice import choose

    advice = "On a machine with workers install the extra `worker`: pip install 'vitrina-server[worker]'."
    lacking = [name for name in ("torch", "skimage") if importlib.util.find_spec(name) is None]
    if lacking:
        return Finding("encoders", "mind", f"Not installed here: {', '.join(lacking)}.", advice)
    choice = choose(settings)
    return Finding(
        "encoders", "good", f"text: {choice.text or 'none'}, image: {choice.image or 'none'}; {choice.reason}"
    )


def _widget() -> Finding:
    if checks.widget_is_built():
        return Finding("widget", "good", "built")
    return Finding("widget", "mind", "The widget is not built.", "scripts/build-widget builds it; it needs Node 20.")
