"""One request, checked, as a handler gets it, and what a handler answers."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from server.access.principal import Principal
from server.api import problems
from server.api.front import Trace
from server.api.services import Services
from server.shops import audit
from server.shops.models import Shop
from server.storage import database
from server.storage.identifiers import may_be_id


class Answer(msgspec.Struct, frozen=True):
    """An answer with a status or headers of its own. `body`: a Struct, or bytes that are finished JSON."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


AnyAnswer = msgspec.Struct | Answer | Response
Made = TypeVar("Made", bound=AnyAnswer)
_NOBODY = Principal("publishable", "", "")


class Call:
    """One request, checked: what a handler gets."""

    __slots__ = (
        "action",
        "body",
        "noted",
        "path",
        "principal",
        "query",
        "receive",
        "scope",
        "services",
        "shop_id",
        "trace",
    )

    def __init__(self, services: Services, scope: Scope, receive: Receive, trace: Trace) -> None:
        self.services = services
        self.scope = scope
        self.receive = receive
        self.trace = trace
        self.principal: Principal = _NOBODY
        self.shop_id = ""
        self.path: dict[str, Any] = scope["path_params"]
        self.query: Any = None
        self.body: Any = None
        self.action = ""  # what the audit log calls the change that is to be made; empty again when that is done
        self.noted: tuple[str, dict[str, Any]] = ("", {})

    @property
    def address(self) -> str:
        """The network address of the caller, as the proxy in front tells it."""
        client = self.scope.get("client")
        return client[0] if client else ""

    def note(self, subject: str, **details: Any) -> None:
        """What the audit log shall say of this change beside who made it: the id of what changed, and how."""
        self.noted = (subject, details)

    @property
    def request(self) -> Request:
        """The request as Starlette sees it, for the few handlers that stream."""
        return Request(self.scope, self.receive)

    async def shop(self) -> Shop:
        """The shop whose key called, or which the operator named."""
        if not self.shop_id:
            raise problems.invalid(
                "/Vitrina-Shop", "Send the header Vitrina-Shop with the id of the shop that is meant."
            )
        known = may_be_id(self.shop_id)
        shop = await Shop.get_or_none(id=self.shop_id, using_db=database.reader()) if known else None
        if shop is None:
            raise problems.not_found("shop", self.shop_id)
        return shop

    async def changed(self, change: Callable[[], Awaitable[Made]]) -> Made:
        """Make a change and write into the audit log that it was made: both in one transaction, or neither."""
        async with database.transaction():
            answer = await change()
            await self._write_down(answer)
        self.action = ""
        return answer

    async def _write_down(self, answer: AnyAnswer) -> None:
        subject, details = self.noted
        made: Any = answer.body if isinstance(answer, Answer) else answer
        named = "/".join(str(value) for value in self.path.values()) or str(getattr(made, "id", ""))
        await audit.record(
            audit.Actor(self.principal.kind, self.principal.key_id),
            self.action,
            subject or named,
            shop_id=self.shop_id,
            details=details,
            request_id=self.trace.request_id,
        )
