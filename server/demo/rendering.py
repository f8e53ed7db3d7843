"""Templates into pages: Jinja2 with everything escaped, prices in the shop's locale, addresses of static files that
change with their content, and the headers every page of the demo carries.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from server.demo.tiles import paper_of

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
# Nothing from elsewhere runs, styles or frames these pages. Items of a shop may show images from anywhere (https:).
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "same-origin",
}


def render(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """One page of the demo."""
    return HTMLResponse(_environment().get_template(template).render(values), status, HEADERS)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = environment.filters
    filters.update(money=money, number=number, paragraphs=paragraphs)
    names: dict[str, Any] = environment.globals
    names.update(static=static, paper_of=paper_of, icon=icon)
    return environment


@lru_cache(maxsize=20_000)
def money(amount: float | None, currency: str, locale: str) -> str:
    """A price as the shop's customers write it: `£0.85`, `19,90 €`; empty for no price."""
    if amount is None:
        return ""
    return format_currency(amount, currency, locale=_locale(locale))


@lru_cache(maxsize=1_000)
def number(value: float, locale: str) -> str:
    """A number with the locale's separators."""
    return format_decimal(value, locale=_locale(locale))


@lru_cache(maxsize=16)
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")


def paragraphs(text: str) -> list[str]:
    """A description's paragraphs; bullets that a feed ran together (`. - Dual handles`) become lines of their own."""
    for bullet in (" - ", " • "):
        if text.count(f".{bullet}") >= 2:
            text = text.replace(f".{bullet}", f".\n{bullet.strip()} ")
    return [line.strip() for line in text.splitlines() if line.strip()]


@lru_cache(maxsize=64)
def static(name: str) -> str:
    """The address of a static file, with a mark of its content so that browsers may keep it for good."""
    mark = blake2b((STATIC / name).read_bytes(), digest_size=5).hexdigest()
    return f"/demo/static/{name}?v={mark}"


@lru_cache(maxsize=64)
def icon(name: str) -> Markup:
    """A drawn sign, hidden from screen readers; the words beside it carry the meaning."""
    use = f'<svg class="icon" aria-hidden="true" focusable="false"><use href="{static("icons.svg")}#{name}"/></svg>'
    return Markup(use)  # noqa: S704 - made here, from names in the templates
