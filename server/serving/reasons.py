"""Why an item is in the list: a code for programs, a sentence for shoppers, and the strategy that the list shows."""

from collections.abc import Sequence

_WITH_NAME = {
    "similar": "Similar to ",
    "bought-together": "Often bought with ",
    "viewed-together": "Often viewed with ",
    "curated": "Goes with ",
    "because-liked": "Because you liked ",
    "because-viewed": "Because you looked at ",
    "because-bought": "Because you bought ",
    "popular-in-category": "Popular in ",
    "same-category": "More from ",
}
_PLAIN = {
    "popular": "Popular in this shop",
    "newest": "New in this shop",
    "recent": "You looked at this lately",
    "again": "You bought this before",
    "for-you": "Picked for you",
}
OF_A_CATEGORY = frozenset(("popular-in-category", "same-category"))

_STRATEGIES = {
    "similar": "similar-items",
    "curated": "curated-links",
    "recent": "personal",
    "same-category": "category",
    "again": "personal",
    "for-you": "personal",
}


def _opening(code: str, text: str) -> bytes:
    return f',"reason":{{"code":"{code}","text":"{text}'.encode()


_OPENINGS = {code: _opening(code, text) for code, text in (_WITH_NAME | _PLAIN).items()}


def fragment(code: str, name: bytes = b"") -> bytes:
    """The reason as the last member of an item's open JSON object, which it closes.

    `name`: the product or category that the reason names, as the inside of a JSON string.
    """
    return _OPENINGS[code] + name + b'"}}'


def strategy(codes: Sequence[str]) -> str:
    """The strategy of a list, given the reason codes of its items: what brought most of them."""
    if not codes:
        return "none"
    most = codes[0]
    if codes.count(most) * 2 <= len(codes):
        most = max(set(codes), key=lambda code: (codes.count(code), -codes.index(code)))
    return _STRATEGIES.get(most, most)
