"""A snapshot as it is now: the mapped files, and over them what changed in the shop since they were written.

Stock, prices, cards and deletions are changed here at once; everything learned waits for the next snapshot.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.serving.answers import Answer
from server.serving.native import NULL
from server.serving.products import Product
from server.serving.question import Question
from server.serving.snapshot import Snapshot

_MOST_REMEMBERED = 50_000  # ids whose row is kept at hand; about 6 MB
_MOST_CARDS = 4_000  # that are kept at hand; some 2 MB
_MOST_CATEGORIES = 16  # one byte per product each
_MOST_ANSWERS = 256  # finished answers kept per shop; about 1 MB


class Live:
    """One shop's snapshot with its overlay. Used by one event loop only."""

    def __init__(self, snapshot: Snapshot, generation: int = 0) -> None:
        self.snapshot = snapshot
        self.available: NDArray[np.bool_] = np.array(snapshot.available)  # (n,) can be bought now
        self.listed = np.ones(snapshot.count, dtype=np.bool_)  # (n,) still in the catalog
        self.price: NDArray[np.float32] = np.array(snapshot.price)  # (n,) NaN: unknown
        self.true_ms = snapshot.manifest.built_ms  # when it was last known to equal the database
        self.generation = generation
        self.size_bytes = snapshot.size_bytes + 6 * snapshot.count
        self._cards: dict[int, bytes] = {}
        self._cards_at_hand: dict[int, bytes] = {}
        self._names: dict[int, bytes] = {}
        self._joined: dict[str, int] = {}  # variants that joined a known product after the snapshot
        self._rows: dict[str, int] = {}
        self._in_category: dict[int, NDArray[np.bool_]] = {}
        self._answers: dict[Question, Answer] = {}

    @property
    def keys(self) -> Any:
        """The table of ids for `native`, NULL where it does not know all that `row_of` does."""
        return NULL if self._joined else self.snapshot.ids.native

    def row_of(self, item_id: str) -> int:
        """The row of the product that `item_id` (an item's or a group's) belongs to; -1 when unknown."""
        row = self._rows.get(item_id)
        if row is None:
            row = self._joined.get(item_id, -1)
            if row < 0:
                row = self.snapshot.ids.find(item_id)
            if row >= 0:
                if len(self._rows) >= _MOST_REMEMBERED:
                    self._rows.clear()
                self._rows[item_id] = row
        return row

    def rows_of(self, item_ids: Collection[str]) -> list[int]:
        """The rows of the known ones among `item_ids`, in order."""
        try:
            return list(map(self._rows.__getitem__, item_ids))  # all at hand, as nearly always
        except KeyError:
            return [row for item_id in item_ids if (row := self.row_of(item_id)) >= 0]

    def card(self, row: int) -> bytes:
        """The open JSON object of the product's card."""
        card = self._cards_at_hand.get(row)
        if card is None:
            card = self._cards.get(row) or self.snapshot.cards[row]
            if len(self._cards_at_hand) >= _MOST_CARDS:
                self._cards_at_hand.clear()
            self._cards_at_hand[row] = card
        return card

    def name(self, row: int) -> bytes:
        """The product's title as the inside of a JSON string."""
        return self._names.get(row) or self.snapshot.names[row]

    def group_of(self, row: int) -> str:
        """The group id of the product."""
        return self.snapshot.groups[row].decode("utf-8", "surrogatepass")

    def in_category(self, category: int) -> NDArray[np.bool_]:
        """Which products are in a category or below it, (n,) bool."""
        inside = self._in_category.get(category)
        if inside is None:
            inside = np.zeros(self.snapshot.count, dtype=np.bool_)
            inside[self.snapshot.rows_of_category(category)] = True
            if len(self._in_category) >= _MOST_CATEGORIES:
                del self._in_category[next(iter(self._in_category))]
            self._in_category[category] = inside
        return inside

    def apply(self, current: Mapping[int, Product | None]) -> None:
        """Take over the current state of products by row; None: it is gone."""
        for row, product in current.items():
            self.listed[row] = product is not None
            self.available[row] = product is not None and product.available
            if product is None:
                continue
            self.price[row] = product.price
            self._cards[row], self._names[row] = product.card, product.name
            for item_id in product.item_ids:
                if self.snapshot.ids.find(item_id) != row:
                    self._joined[item_id] = row
        self._rows.clear()
        self._cards_at_hand.clear()
        self._answers.clear()
        self.generation += 1

    def remembered_answer(self, question: Question) -> Answer | None:
        """The finished answer to a question that depends on no shopper, without its id."""
        answer = self._answers.pop(question, None)
        if answer is not None:
            self._answers[question] = answer  # the most recently used last
        return answer

    def remember_answer(self, question: Question, answer: Answer) -> None:
        """Keep such an answer until something changes."""
        if len(self._answers) >= _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = answer
