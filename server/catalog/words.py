"""Text to the words that search compares: folded, cut apart as its script needs, alike for items and queries."""

import re
import unicodedata
from collections.abc import Iterable

MOST_LETTERS = 40  # longer "words" are addresses and serial numbers pasted together
_MOST_TEXT = 2_000  # of a description: what follows is care instructions and shipping terms

# what Unicode does not decompose, but people type without
_ALIKE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h", "ŧ": "t"}
    | dict.fromkeys("'`\u2019\u2018\u00b4\u02bc", "")  # men's and mens
)
_MARKS = re.compile("[\u0300-\u036f\u064b-\u0652]")  # accents, Arabic vowel signs; not the vowels of Indian scripts
_ASCII_WORDS = re.compile("[a-z0-9]+")
_JOINED = re.compile(r"[^\W_]+(?:[-\u2010\u2011./&+][^\W_]+)+")  # t-shirt, WS-12, 3.5
# scripts without spaces between words: Thai to Khmer, kana, Chinese characters
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_is_unspaced = re.compile(f"[{_UNSPACED}]").search


def fold(text: str) -> str:
    """Without case, accents and ligatures: Größe, GROSSE and große are the same."""
    if text.isascii():
        return text.lower().replace("'", "")
    text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _MARKS.sub("", text)).translate(_ALIKE)


def of_text(text: str) -> list[str]:
    """The words an item is found by, in order, without repeats; of `t-shirt` also `tshirt`."""
    folded = fold(text[:_MOST_TEXT])
    words = _split(folded)
    if "-" in folded or "." in folded or "/" in folded or "&" in folded or "+" in folded or not folded.isascii():
        compounds = [_split(joined) for joined in _JOINED.findall(folded) if not _is_unspaced(joined)]
        # only with a short part: "shortsleeve" would be found by those who want shorts
        words += ["".join(parts) for parts in compounds if min(map(len, parts), default=9) < 3]
    if not folded.isascii() and _is_unspaced(folded):
        words = [part for word in words for part in _grams(word, singles=True)]
    return [word[:MOST_LETTERS] for word in dict.fromkeys(words)]


def of_query(text: str, most: int = 8) -> list[str]:
    """The words of a query, in order, without repeats, at most `most`."""
    words = _split(fold(text[:300]))
    parts = [part[:MOST_LETTERS] for word in words for part in _grams(word, singles=False)]
    return list(dict.fromkeys(parts))[:most]


def category_keys(path: str) -> list[str]:
    """The names under which the products of a category path are found.

    `Men > Shirts > Linen` is found as `Men`, as `Men > Shirts` and as itself, and by the last part of each of these.
    """
    parts = [part.strip().casefold() for part in path.split(">") if part.strip()]
    paths = [">".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return list(dict.fromkeys([*paths, *parts]))


def category_key(path: str) -> str:
    """The one spelling of a category that somebody asks for."""
    return ">".join(part.strip().casefold() for part in path.split(">") if part.strip())


def values_in(value: object) -> Iterable[str]:
    """Every text and number in an object of attributes, whatever its shape."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{value:g}"
    elif isinstance(value, dict):
        for inner in value.values():
            yield from values_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from values_in(inner)


def _split(folded: str) -> list[str]:
    if folded.isascii():
        return _ASCII_WORDS.findall(folded)
    return "".join(letter if _belongs_to_word(letter) else " " for letter in folded).split()


def _belongs_to_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter)[0] == "M"  # vowel signs are marks in many scripts


def _grams(word: str, *, singles: bool) -> list[str]:
    """A word of a script without spaces becomes its pairs of letters, for items also its letters; others stay whole."""
    if word.isascii() or not _is_unspaced(word):
        return [word]
    parts: list[str] = []
    for run in _RUNS.findall(word):
        if not _is_unspaced(run):
            parts.append(run)
            continue
        parts += [run[start : start + 2] for start in range(len(run) - 1)]
        if singles or len(run) == 1:
            parts += run
    return parts
