"""Why an item is in the list: a code for programs, a sentence for shoppers, and the strategy that the list shows."""

import re
from collections.abc import Sequence
from functools import lru_cache

from server.serving.sentences import ENGLISH, LANGUAGES

DEFAULT = "en"
OF_A_CATEGORY = frozenset(("popular-in-category", "same-category"))

_STRATEGIES = {
    "similar": "similar-items",
    "curated": "curated-links",
    "recent": "personal",
    "same-category": "category",
    "again": "personal",
    "for-you": "personal",
}


@lru_cache(maxsize=256)
def language_of(tag: str) -> str:
    """The language that reasons are told in on a page whose language is `tag` (BCP 47; "de-AT" reads "de")."""
    language = re.split("[-_]", tag.lower(), maxsplit=1)[0]
    return language if language in LANGUAGES else DEFAULT


def _fragments(language: str) -> dict[str, tuple[bytes, bytes]]:
    """What stands before and after the name, by code."""
    parts = ((code, LANGUAGES[language][code].partition("{}")) for code in ENGLISH)
    return {
        code: (f',"reason":{{"code":"{code}","text":"{before}'.encode(), f'{after}"}}}}'.encode())
        for code, (before, _, after) in parts
    }


_FRAGMENTS = {language: _fragments(language) for language in LANGUAGES}


def fragment(code: str, name: bytes = b"", language: str = DEFAULT) -> bytes:
    """The reason as the last member of an item's open JSON object, which it closes.

    `name`: the product or category that the reason names, as the inside of a JSON string.
    """
    before, after = _FRAGMENTS[language][code]
    return before + name + after


def strategy(codes: Sequence[str]) -> str:
    """The strategy of a list, given the reason codes of its items: what brought most of them."""
    if not codes:
        return "none"
    most = codes[0]
    if codes.count(most) * 2 <= len(codes):
        most = max(set(codes), key=lambda code: (codes.count(code), -codes.index(code)))
    return _STRATEGIES.get(most, most)
