"""One request to one page: who is signed in, what the form says, and the ways to answer.

Forms are protected against other sites: the browser says where a form came from (`Sec-Fetch-Site`, `Origin`), and every
form carries a mark of this browser's cookie that only this installation can make.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import structlog
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from server.access.attempts import Limit, network_of
from server.access.people import accounts, sessions
from server.access.people.models import Person
from server.account.rendering import headers, render
from server.mail.letters import Letter
from server.shops import audit
from server.storage import database

_MOST_FORM_BYTES = 32_768
_MOST_FIELDS = 30
_LONGEST_NAME = 128
_FORM_COOKIE_S = 30 * 86_400
_SAFE = ("GET", "HEAD")

log = structlog.get_logger(__name__)


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """A request that is answered by a page saying why not, and what to do."""

    def __init__(self, title: str, text: str, *, status: int = 400, wait_s: int = 0) -> None:
        super().__init__(title)
        self.title, self.text, self.status, self.wait_s = title, text, status, wait_s


@dataclass
class Visit:
    """What a handler needs to answer one request."""

    request: Request
    services: Any
    person: Person | None
    form: dict[str, str] = field(default_factory=dict[str, str])
    browser: str = ""  # a random name of this browser, which marks its forms
    fresh_browser: bool = False

    @property
    def url(self) -> str:
        """Our own public address."""
        return self.services.settings.base_url

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self.url.startswith("https://")

    @property
    def session_cookie(self) -> str:
        """The cookie of the session, as it came."""
        return self.request.cookies.get(self._named("session"), "")

    @property
    def address(self) -> str:
        """The network that the visitor comes from."""
        return network_of(self.request.client.host) if self.request.client else ""

    def page(
        self, template: str, *, status: int = 200, forms_lead_to: Sequence[str] = (), wait_s: int = 0, **values: Any
    ) -> Response:
        """A page."""
        context = {
            "person": self.person,
            "token": self._mark(),
            "here": self.here,
            "open": self.services.settings.sign_up == "open",
        }
        answer = render(template, context | values, status, headers(secure=self.secure, forms_lead_to=forms_lead_to))
        if wait_s:
            answer.headers["Retry-After"] = str(wait_s)
        return self._with_browser(answer)

    def go(self, where: str) -> Response:
        """Send the browser on."""
        return self._with_browser(RedirectResponse(where, 303, headers(secure=self.secure)))

    async def signed_in(self, person: Person, where: str, how: str) -> Response:
        """Begin a session of the person, in place of the one before, and send the browser on."""
        async with database.transaction():
            await sessions.end(self.session_cookie)
            cookie = await sessions.begin(person)
            await audit.record(audit.Actor("person", person.id), "signed-in", details={"with": how})
        answer = self.go(where)
        self._set(answer, "session", cookie, int(sessions.LASTS.total_seconds()))
        return answer

    async def signed_out(self, where: str) -> Response:
        """End the session."""
        await sessions.end(self.session_cookie)
        answer = self.go(where)
        self._set(answer, "session", "", 0)
        return answer

    @property
    def name(self) -> str:
        """The name in the form, on one line."""
        words = "".join(letter if letter.isprintable() else " " for letter in self.form.get("name", "")).split()
        return " ".join(words)[:_LONGEST_NAME]

    @property
    def here(self) -> str:
        """The address of the page itself, to come back to."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    def next_from(self, wanted: str | None, otherwise: str = "/account") -> str:
        """Where to go on: a page of ours, never another site's."""
        if not wanted or not wanted.isprintable() or "\\" in wanted:
            return otherwise
        return wanted if wanted.startswith("/") and not wanted.startswith("//") else otherwise

    async def limit(self, *tries: tuple[Limit, str]) -> None:
        """Count attempts; raises Refused where there were too many."""
        seconds = await self.services.attempts.seconds_to_wait(*tries)
        if seconds:
            minutes = max(1, round(seconds / 60))
            text = f"There were too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
            raise Refused("One moment", text, status=429, wait_s=seconds)

    async def send(self, letter: Letter) -> None:
        """Have a letter sent, once what it tells of is written."""
        await self.services.post.send(letter)

    def _named(self, name: str) -> str:
        return f"__Host-vitrina-{name}" if self.secure else f"vitrina-{name}"

    def _mark(self) -> str:
        return self.services.secret.mark("forms", f"{self.browser} {self.session_cookie}")

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            self._named(name), value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def _with_browser(self, answer: Response) -> Response:
        if self.fresh_browser:
            self._set(answer, "browser", self.browser, _FORM_COOKIE_S)
        return answer

    async def read(self) -> None:
        """Who this is, and the form, if it is one of ours; raises Refused."""
        self.browser = self.request.cookies.get(self._named("browser"), "")
        if not self.browser:
            self.browser, self.fresh_browser = secrets.token_urlsafe(24), True
        self.person = await sessions.person_of(self.session_cookie)
        if self.request.method in _SAFE:
            return
        self._check_origin()
        self.form = await _form(self.request)
        if not self.services.secret.marked(
            "forms", f"{self.browser} {self.session_cookie}", self.form.get("token", "")
        ):
            raise Refused(
                "This page was open for too long",
                "Go back, load the page again and send the form once more. Cookies must be allowed for this site.",
                status=403,
            )

    def _check_origin(self) -> None:
        sent = self.request.headers
        origin = sent.get("origin")
        ours = (urlsplit(self.url).netloc, sent.get("host"))
        other = sent.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if other or (origin is not None and urlsplit(origin).netloc not in ours):
            raise Refused("Not from this site", "This form came from another site, so nothing was done.", status=403)


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def opened(handler: Handler) -> Endpoint:
    """How a handler becomes an endpoint."""

    async def endpoint(request: Request) -> Response:
        visit = Visit(request, request.app.state.services, None)
        try:
            await visit.read()
            if not await accounts.installation_has_owner():
                return visit.page("unowned.html", status=503)
            return await handler(visit)
        except Refused as refused:
            return visit.page(
                "message.html", status=refused.status, wait_s=refused.wait_s, title=refused.title, text=refused.text
            )
        except RedisError:
            log.exception("account.redis_lost", path=request.url.path)
            text = "A part of the server does not answer. Try again in a minute."
            return visit.page("message.html", status=503, wait_s=30, title="Not available right now", text=text)

    return endpoint


def for_persons(handler: Handler) -> Endpoint:
    """The same for pages of signed-in persons; everybody else is asked to sign in first."""

    async def check(visit: Visit) -> Response:
        return await handler(visit) if visit.person else visit.go(sign_in_first(visit))

    return opened(check)


def sign_in_first(visit: Visit) -> str:
    """The address of the sign-in page, which leads back here."""
    return "/sign-in?" + urlencode({"next": visit.here if visit.request.method in _SAFE else visit.request.url.path})


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM_BYTES:
            raise Refused("Too long", "This form is too long, so nothing was done.", status=413)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise Refused("Not readable", "This form could not be read, so nothing was done.") from None
