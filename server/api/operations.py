"""For whoever runs the server: is it alive, has it what it needs, what are its figures."""

import asyncio
import hmac
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from server.access.addresses import is_own_machine
from server.access.policies import PUBLIC
from server.api import metrics
from server.api.operation import Answer, Call, Media, Operation
from server.api.problems import Problem
from server.encoders.choice import choose
from server.storage import database
from server.tasks.queue import workers_alive

_CONTACT_HOLDS = timedelta(days=180)  # RFC 9116 wants less than a year
_PATIENCE_S = 2.0  # a part that takes longer to say hello is not ready


class Health(msgspec.Struct, frozen=True):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Part(msgspec.Struct, frozen=True):
    """One part that Vitrina works with."""

    ready: bool
    detail: str


class Readiness(msgspec.Struct, frozen=True):
    """What the server needs, part by part."""

    status: Annotated[
        Literal["ready", "degraded", "unavailable"],
        Meta(description="`degraded`: requests are answered, but long work waits for a worker."),
    ]
    parts: dict[str, Part]


async def health(_call: Call) -> Health:
    """Say that the process is up; touches nothing else."""
    return Health()


async def readiness(call: Call) -> Answer:
    """Ask every part."""
    services = call.services
    asked = {
        "database": _database(),
        "redis": _redis(call),
        "worker": _worker(call),
        "encoder": asyncio.to_thread(_encoder, call),
    }
    parts = dict(zip(asked, await asyncio.gather(*map(_part, asked.values())), strict=True))
    needed = parts["database"].ready and parts["redis"].ready
    status = "unavailable" if not needed else "ready" if all(part.ready for part in parts.values()) else "degraded"
    parts["snapshots"] = Part(True, f"{len(services.shelf.loaded())} in memory")
    return Answer(Readiness(status, parts), status=200 if needed else 503, headers=(("cache-control", "no-store"),))


async def _part(asked: Awaitable[Part]) -> Part:
    try:
        return await asyncio.wait_for(asked, _PATIENCE_S)
    except TimeoutError:
        return Part(False, f"does not answer within {_PATIENCE_S:g} seconds")
    except Exception as error:
        return Part(
            False, f"does not answer ({type(error).__name__})"
        )  # a message could hold an address with a password


async def _database() -> Part:
    await database.reader().execute_query("SELECT 1")
    return Part(True, "SQLite" if database.is_sqlite() else "PostgreSQL")


async def _redis(call: Call) -> Part:
    await call.services.redis.ping()
    return Part(True, "Redis")


async def _worker(call: Call) -> Part:
    alive = await workers_alive(call.services.redis)
    if not alive:
        return Part(False, "no worker gave a sign of life; imports and other tasks wait until one starts")
    return Part(True, f"{alive} at work")


def _encoder(call: Call) -> Part:
    choice = choose(call.services.settings)
    names = " and ".join(dict.fromkeys(name for name in (choice.text, choice.image) if name))
    return Part(True, f"{names}: {choice.reason}")


async def figures(call: Call) -> Response:
    """The figures in Prometheus' format, for whoever knows the token."""
    if not _may_see_figures(call):
        detail = "Send `Authorization: Bearer …` with the token that the operator set as VITRINA_METRICS_TOKEN."
        raise Problem(401, "Figures are for the operator", detail, headers=[("www-authenticate", "Bearer")])
    metrics.settle()
    body = await asyncio.to_thread(metrics.render)
    return Response(body, media_type=metrics.CONTENT_TYPE, headers={"cache-control": "no-store"})


def _may_see_figures(call: Call) -> bool:
    settings = call.services.settings
    if settings.metrics_token:
        wanted = f"Bearer {settings.metrics_token}".encode()
        return hmac.compare_digest(call.trace.headers.get(b"authorization", b""), wanted)
    # without a proxy in front nobody else has the machine's own address
    return not settings.public_url and is_own_machine(call.address)


async def security(call: Call) -> Response:
    """Whom to tell of a weakness (RFC 9116)."""
    settings = call.services.settings
    host = urlsplit(settings.base_url).hostname or "localhost"
    lines = {
        "Contact": settings.security_contact or f"mailto:security@{host}",  # the mailbox that RFC 2142 reserves
        "Expires": (datetime.now(UTC) + _CONTACT_HOLDS).strftime("%Y-%m-%dT00:00:00Z"),
        "Preferred-Languages": "en",
        "Canonical": f"{settings.base_url}/.well-known/security.txt",
    }
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return Response(text, media_type="text/plain", headers={"cache-control": "public, max-age=3600"})


async def entrance(_call: Call) -> Response:
    """Send a browser to the demo, which tells how to load it where it is not."""
    return RedirectResponse("/demo", status_code=307)


OPERATIONS = (
    Operation(
        method="GET",
        path="/healthz",
        policy=PUBLIC,
        tag="operations",
        summary="Whether the process is up",
        handler=health,
        needs_owner=False,
        answers={200: Health},
    ),
    Operation(
        method="GET",
        path="/readyz",
        policy=PUBLIC,
        tag="operations",
        summary="Whether what it needs is reachable, part by part",
        handler=readiness,
        needs_owner=False,
        answers={200: Readiness, 503: Readiness},
    ),
    Operation(
        method="GET",
        path="/metrics",
        policy=PUBLIC,
        tag="operations",
        summary="Counts and times of requests, for Prometheus",
        description="For `Authorization: Bearer …` with the token of the setting `metrics_token`; without that setting "
        "for the server's own machine, as long as it is not public.",
        handler=figures,
        needs_owner=False,
        answers={200: Media("text/plain")},
        problems=(401,),
    ),
    Operation(
        method="GET",
        path="/.well-known/security.txt",
        policy=PUBLIC,
        tag="operations",
        summary="Whom to tell of a weakness (RFC 9116)",
        handler=security,
        answers={200: Media("text/plain")},
    ),
    Operation(
        method="GET",
        path="/",
        policy=PUBLIC,
        tag="operations",
        summary="The way in for a browser",
        handler=entrance,
        answers={307: None},
    ),
)
