"""Paper for products without a photograph: a colour and a pattern, told from the words of the title where they name
one, else by chance, but always the same for the same title.

`static/papers.json` has the words: the page's own script wraps the widget's products in the same paper.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

_FILE = Path(__file__).parent / "static" / "papers.json"
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Paper:
    """What a product without a photograph is wrapped in; both names are classes in the stylesheet."""

    palette: str
    pattern: str


class _Papers(msgspec.Struct, frozen=True):
    palettes: dict[str, str]
    patterns: dict[str, str]


@lru_cache(maxsize=10_000)
def paper_of(title: str) -> Paper:
    """The paper of one product."""
    words = _WORD.findall(title.lower())
    papers = _papers()
    return Paper(_named(papers.palettes, words, _chance(title)), _named(papers.patterns, words, _chance(title) // 16))


def _named(names: dict[str, str], words: list[str], chance: int) -> str:
    found = next((name for word in words for name, known in names.items() if word in known.split()), None)
    return found or list(names)[chance % len(names)]


def _chance(title: str) -> int:
    number = 0
    for character in title:
        number = (number * 31 + ord(character)) % 65_536  # small enough for the script's numbers
    return number


@lru_cache(maxsize=1)
def _papers() -> _Papers:
    return msgspec.json.decode(_FILE.read_bytes(), type=_Papers)
