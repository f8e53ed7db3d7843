"""Draws a list as the widget does: the same markup, with the styles and words that the widget's build left for us.

Everything of the catalog is escaped by the template; of addresses only http and https get into it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from babel import Locale, UnknownLocaleError, localedata
from babel.numbers import format_currency, format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from server.api.problems import Problem
from server.serving.answers import RecommendationList
from server.serving.question import Question

BUILT = Path(__file__).parent.parent / "widget" / "lists.json"
_TEMPLATES = Path(__file__).parent / "templates"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_IGNORED = dict.fromkeys(range(33))  # control characters and blanks, which browsers skip within a scheme
_WORD = re.compile(r"[^\W_]+")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


class Texts(msgspec.Struct, frozen=True):
    """The widget's words in one language. `titles` by placement; `product-page` serves those without one."""

    previous: str
    next: str
    was: str
    now: str
    carousel: str
    titles: dict[str, str]


class Build(msgspec.Struct, frozen=True):
    """What the widget's build tells of how lists look. `styles`: CSS that may stand in a page."""

    styles: str
    languages: dict[str, Texts]

    def texts(self, language: str) -> Texts:
        """The words in a language ("de-AT" reads "de"), or in English."""
        return self.languages.get(re.split("[-_]", language.lower())[0]) or self.languages["en"]


@dataclass(frozen=True, slots=True)
class Looks:
    """How a list looks. `heading`: empty for the one of its placement."""

    layout: str
    heading: str
    lang: str
    styles: bool


def read_build() -> Build:
    """What the build left. Raises Problem 404 where the widget was not built."""
    try:
        return _read(BUILT.stat().st_mtime_ns)
    except FileNotFoundError:
        detail = "Lists are drawn as the widget draws them. Build it with scripts/build-widget; it needs Node 20."
        raise Problem(404, "The widget is not built", detail) from None


def draw(found: RecommendationList, question: Question, looks: Looks, build: Build) -> str:
    """The whole element as HTML; without a list inside where nothing was found."""
    texts = build.texts(looks.lang)
    titles = texts.titles
    return _template().render(
        id=found.recommendation_id,
        items=found.items,
        question=question,
        looks=looks,
        texts=texts,
        heading=looks.heading or titles.get(question.placement) or titles["product-page"],
        styles=Markup(build.styles) if looks.styles else "",  # noqa: S704 - our own file
        is_linked=any(safe_url(item.url) for item in found.items),
    )


def safe_url(address: str) -> str:
    """The address if it is one of http or https, or one relative to the page; else an empty text."""
    scheme = _SCHEME.match(address.translate(_IGNORED))
    return address if not scheme or scheme[0].lower() in ("http:", "https:") else ""


@lru_cache(maxsize=10_000)
def money(amount: float, currency: str, language: str) -> str:
    """A price as shoppers read it, `19,90 €`; without a usable currency the number alone."""
    locale = _locale(language)
    if _CURRENCY.fullmatch(currency):
        return format_currency(amount, currency.upper(), locale=locale)
    return format_decimal(amount, format="#,##0.00#", locale=locale)


def initials(title: str) -> str:
    """What stands in place of a missing picture: the first letters of the first two words."""
    return "".join(word[0] for word in _WORD.findall(title)[:2]).upper()


@lru_cache(maxsize=16)  # 40 MB at most
def _locale(language: str) -> Locale:
    # Babel would keep every language it has ever read, 200 MB in all, and whoever sees the shop's page may ask for each
    localedata._cache.clear()  # pyright: ignore[reportPrivateUsage]
    for name in (language, re.split("[-_]", language)[0]):
        try:
            return Locale.parse(name.replace("-", "_"))
        except (ValueError, UnknownLocaleError):
            continue
    return Locale("en")


@lru_cache(maxsize=2)
def _read(_changed_ns: int) -> Build:
    return msgspec.json.decode(BUILT.read_bytes(), type=Build)


@lru_cache(maxsize=1)
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = environment.filters
    filters.update(safe_url=safe_url, money=money, initials=initials)
    return environment.get_template("list.html")
