"""What the API's handlers work with: made once by `app.build`, handed to every call."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from server.access.addresses import Addresses
from server.access.attempts import Attempts
from server.access.credentials import Credentials
from server.access.limits import Limiter
from server.access.oauth.provider import Provider
from server.access.oidc import Outside
from server.access.ownership import Ownership
from server.access.shares import Shares
from server.api.news import News
from server.mail.post import Post
from server.settings import Settings
from server.storage.secret import Secret

if TYPE_CHECKING:
    from server.catalog.search import Search
    from server.encoders.queries import Queries
    from server.events.erasures import Erasures
    from server.events.ingest import Ingest
    from server.events.recents import Recents
    from server.serving.shelf import Shelf
    from server.tasks.queue import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The living parts of one API process."""

    settings: Settings
    redis: "Redis"
    ownership: Ownership
    credentials: Credentials
    addresses: Addresses
    limiter: Limiter
    shares: Shares
    provider: Provider
    attempts: Attempts
    secret: Secret
    post: Post
    outside: Outside
    news: News
    shelf: "Shelf"
    ingest: "Ingest"
    recents: "Recents"
    erasures: "Erasures"
    queue: "Queue"
    search: "Search"
    queries: "Queries"
