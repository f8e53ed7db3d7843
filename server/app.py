"""The API's application: its parts, its routes, and what happens at its start and end."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from tortoise.exceptions import DBConnectionError

from server import logs
from server.access import pruning
from server.access.addresses import Addresses
from server.access.attempts import Attempts
from server.access.credentials import Credentials
from server.access.keys import Keyring
from server.access.limits import Limiter
from server.access.oauth.provider import Provider
from server.access.oauth.signing import SigningKeys
from server.access.oauth.tokens import Tokens
from server.access.oidc import Outside
from server.access.ownership import Ownership
from server.access.shares import Shares
from server.account import pages as account
from server.api.front import Front
from server.api.news import News
from server.api.openapi import operations
from server.api.operation import routes, without_parameters
from server.api.services import Services
from server.catalog.search import Search
from server.demo import pages
from server.encoders.queries import Queries
from server.events.erasures import Erasures
from server.events.ingest import Ingest
from server.events.recents import Recents
from server.mail.post import Post
from server.serving.shelf import Shelf
from server.settings import Settings
from server.storage import database, messages, migrating
from server.storage import redis as redis_storage
from server.storage.secret import Secret
from server.tasks.queue import Queue

_PATIENCE_S = 10.0  # Redis and the database may be starting at the same moment
_PAUSE_S = 0.25
_LAST_USE_EVERY_S = 30.0  # how exact a key's `last_used_at` is

log = structlog.get_logger(__name__)


class StartFailed(RuntimeError):  # noqa: N818 - it reads as what happened
    """The API cannot start; the message, one line, says why and what to do."""


def build(settings: Settings) -> Starlette:
    """The whole application. Nothing is opened before its lifespan starts."""
    redis = redis_storage.connect(settings)
    recents = Recents(redis)
    secret = Secret(settings)
    tokens = Tokens(settings, SigningKeys(secret))
    services = Services(
        settings=settings,
        redis=redis,
        ownership=Ownership(settings),
        credentials=Credentials(Keyring(settings), tokens),
        addresses=Addresses(redis),
        limiter=Limiter(redis, key_per_s=settings.key_requests_per_s, address_per_s=settings.address_requests_per_s),
        shares=Shares(settings.shop_share),
        provider=Provider(settings, tokens),
        attempts=Attempts(redis, secret),
        secret=secret,
        post=Post(settings, secret.key("letters")),
        outside=Outside(settings),
        news=News(),
        shelf=Shelf(settings),
        ingest=Ingest(settings, redis, recents),
        recents=recents,
        erasures=Erasures(settings),
        queue=Queue(settings, redis),
        search=Search(),
        queries=Queries(redis),
    )
    api = routes(operations(), services)
    app = Starlette(
        routes=[*api, *account.routes(settings, secret), *pages.routes()],
        middleware=[Middleware(Front, services, without_parameters(api))],
        exception_handlers={HTTPException: _hand_to_front},
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # an item's id may end in a slash
    app.state.services = services
    return app


async def _hand_to_front(_request: object, error: Exception) -> Response:
    raise error


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    services: Services = app.state.services
    async with AsyncExitStack() as stack:
        stack.callback(logs.flush)
        await database.connect(services.settings)
        stack.push_async_callback(database.disconnect)
        await _patiently("The database", services.settings, migrating.require_current)
        stack.push_async_callback(services.redis.aclose)
        await _patiently("Redis", services.settings, services.redis.ping)
        stack.push_async_callback(services.shelf.close)
        await services.ingest.start()
        stack.push_async_callback(services.ingest.stop)
        listening = asyncio.create_task(_listen(services))
        stack.push_async_callback(_end, listening)
        stack.push_async_callback(services.credentials.keep_last_use)
        await services.addresses.refresh()
        for work in (
            _keep_last_use(services.credentials),
            services.limiter.count(),
            services.addresses.keep_fresh(),
            services.post.work(),
            pruning.keep_pruning(),
        ):
            stack.push_async_callback(_end, asyncio.create_task(work))
        gc.collect()
        gc.freeze()  # what is loaded by now stays: collections need not walk through it
        log.info("api.started", address=services.settings.base_url)
        yield
        log.info("api.stopping")


async def _patiently(part: str, settings: Settings, check: Callable[[], Awaitable[object]]) -> None:
    give_up_at = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        try:
            await check()
        except (RedisError, DBConnectionError, OSError) as error:
            if asyncio.get_running_loop().time() > give_up_at:
                name = "redis_url" if part == "Redis" else "database_url"
                raise StartFailed(
                    f"{part} does not answer ({error}). Start it, or correct the setting `{name}`; "
                    f"`vitrina-server up` starts everything that no setting names. Data folder: {settings.folder}."
                ) from None
            await asyncio.sleep(_PAUSE_S)
        else:
            return


async def _listen(services: Services) -> None:
    async def on_message(message: messages.Message) -> None:
        if message.topic == "keys-changed":
            services.credentials.forget()
        elif message.topic == "task-changed":
            services.news.task_changed(message.task_id)
        await services.shelf.on_message(message)

    async def on_connect() -> None:
        services.credentials.forget()
        await services.shelf.on_connect()

    await messages.listen(services.redis, on_message, on_connect)


async def _keep_last_use(credentials: Credentials) -> None:
    while True:
        await asyncio.sleep(_LAST_USE_EVERY_S)
        try:
            await credentials.keep_last_use()
        except Exception:
            log.exception("keys.last_use_not_kept")


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
