"""One request to one demo shop: who asks, what the shop shows, and the ways to answer.

`entrance(assortments, customers)` makes Starlette endpoints of handlers that take a `Storefront`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from server.demo import state
from server.demo.assortment import Assortment, Assortments
from server.demo.customers import Customers
from server.demo.looks import look_of
from server.demo.rendering import HEADERS, render
from server.demo.visit import Visit, read, write

THEMES = ("light", "dark")
_COOKIE = "vitrina-demo"
_THEME_COOKIE = "vitrina-demo-theme"
_COOKIE_DAYS = 30
_MOST_FORM_BYTES = 16_384  # our longest form is a few hundred bytes


class Missing(Exception):  # noqa: N818 - it reads as what happened
    """There is nothing at this address; the message tells a shopper what is missing."""


class Refused(Exception):  # noqa: N818
    """A form that no page of ours sends; the message says why."""


@dataclass(frozen=True, slots=True)
class Storefront:
    """What a handler needs to answer one request."""

    request: Request
    demo: state.DemoShop
    assortment: Assortment
    customers: Customers
    visit: Visit
    theme: str
    form: dict[str, str]

    @property
    def home(self) -> str:
        """The address of the shop's first page."""
        return f"/demo/{self.demo.slug}"

    def product_address(self, item_id: str) -> str:
        """The address of an item's page."""
        return f"{self.home}/products/{quote(item_id, safe='')}"

    def page(self, template: str, *, status: int = 200, events: Sequence[Any] = (), **values: Any) -> Response:
        """A page in the shop's look. `events`: what the page reports to Vitrina once it is shown."""
        context = {
            "front": self,
            "look": look_of(self.demo.slug),
            "demo": self.demo,
            "shop": self.assortment.shop,
            "assortment": self.assortment,
            "visit": self.visit,
            "liked": frozenset(self.visit.likes),
            "theme": self.theme,
            "query": "",
            "aisle": "",
            "events": msgspec.json.encode(events).decode() if events else "",
        }
        return render(template, context | values, status)

    def changed(self, visit: Visit, to: str, said: str) -> Response:
        """The answer to a form: the new visit in the cookie and the way back; for the page's own script, figures."""
        if self.request.headers.get("accept", "").startswith("application/json"):
            body = {"message": said, "pieces": visit.pieces, "likes": len(visit.likes)}
            answer: Response = JSONResponse(body, headers=HEADERS)
        else:
            answer = RedirectResponse(self._inside(to), 303, HEADERS)
        self._set_cookie(answer, _COOKIE, write(visit), self.home)
        return answer

    def themed(self, theme: str, to: str) -> Response:
        """The way back, in another theme from now on."""
        answer = RedirectResponse(self._inside(to), 303, HEADERS)
        self._set_cookie(answer, _THEME_COOKIE, theme, "/demo")
        return answer

    def _inside(self, to: str) -> str:
        """An address within this shop; anything else would let a form send shoppers elsewhere."""
        inside = to == self.home or to.startswith((f"{self.home}/", f"{self.home}?"))
        return to if inside and to.isprintable() and "\\" not in to else self.home

    def _set_cookie(self, answer: Response, name: str, value: str, path: str) -> None:
        secure = self.request.url.scheme == "https"
        answer.set_cookie(
            name, value, max_age=_COOKIE_DAYS * 86_400, path=path, secure=secure, httponly=True, samesite="lax"
        )


Handler = Callable[[Storefront], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def entrance(assortments: Assortments, customers: Customers) -> Callable[[Handler], Endpoint]:
    """How a handler becomes an endpoint: the shop is found, the visit read, and what is missing gets a page too."""

    def open_for(handler: Handler) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            services = request.app.state.services
            demo = state.load(services.settings).get(request.path_params["shop"])
            assortment = await assortments.of(demo.shop_id, services.shelf) if demo else None
            if demo is None or assortment is None:
                return render("no-shop.html", {"theme": theme_of(request), "slug": request.path_params["shop"]}, 404)
            visit = read(request.cookies.get(_COOKIE))
            front = Storefront(request, demo, assortment, customers, visit, theme_of(request), {})
            try:
                if request.method == "POST":
                    front = replace(front, form=await _form(request))
                return await handler(front)
            except Missing as missing:
                return front.page("missing.html", status=404, message=str(missing))
            except Refused as refused:
                return front.page("missing.html", status=400, message=str(refused))

        return endpoint

    return open_for


def theme_of(request: Request) -> str:
    """The theme the visitor chose; empty leaves it to the browser."""
    theme = request.cookies.get(_THEME_COOKIE, "")
    return theme if theme in THEMES else ""


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused("This form came from another site, so nothing was changed.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM_BYTES:
            raise Refused("This form is too long, so nothing was changed.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise Refused("This form could not be read, so nothing was changed.") from None
