"""Answers as bytes: cards that were encoded when the snapshot was written, joined with scores and reasons."""

from math import exp
from typing import NamedTuple

import msgspec

from server.serving.products import Card
from server.storage.identifiers import new_id

_encode = msgspec.json.Encoder().encode


class Reason(msgspec.Struct, frozen=True):
    """Why an item is in the list: a code for programs, a sentence for shoppers."""

    code: str
    text: str


class RecommendedItem(Card, frozen=True, kw_only=True, omit_defaults=True):
    """An item of a list. `score`: 0..1, comparable within the list."""

    score: float
    reason: Reason


class RecommendationList(msgspec.Struct, frozen=True):
    """One list as it is answered. `model_version` is null until the shop's catalog has been learned."""

    recommendation_id: str
    placement: str
    strategy: str
    model_version: str | None
    experiment: None
    items: list[RecommendedItem]


class Answer(NamedTuple):
    """One list, finished but for its id. `shown`: group ids or rows of its products, to keep them out of others."""

    rest: bytes
    shown: tuple[int | str, ...] = ()

    def body(self) -> bytes:
        """The JSON of the list, with an id of its own."""
        return b'{"recommendation_id":"' + new_id("rec").encode() + self.rest


def finish(placement: str, strategy: str, model_version: str | None, items: list[bytes]) -> bytes:
    """Everything of the answer that comes after its id. `items`: see `item`."""
    head = _encode({"placement": placement, "strategy": strategy, "model_version": model_version})
    return b"".join((b'",', head[1:-1], b',"experiment":null,"items":[', b",".join(items), b"]}"))


def item(card: bytes, score: float, reason: bytes) -> bytes:
    """One item: its card as an open JSON object, its score, and its reason, which closes the object.

    A blended score has no upper bound; it is shown between 0 and 1.
    """
    return b'%b,"score":%.4f%b' % (card, 1.0 - exp(-score), reason)
