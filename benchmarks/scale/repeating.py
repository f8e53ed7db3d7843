"""A catalog of any size made of a real one: the gift shop's items and invoices, over and over. Synthetic, and named so.

Each copy is a series of its own: its items' texts name the series, their vectors lie near the originals', and its
shoppers are a sample of the real ones, with everything that they bought.
"""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import server.demo
from benchmarks.quality.invoices import clean
from benchmarks.quality.ours import content_of
from benchmarks.quality.shop import ordered
from server.events.histories import Histories
from server.learning.fusing import fuse, unit

_DATA = Path(server.demo.__file__).parent / "data" / "gift-shop"
_NEARNESS = 0.9  # cosine of a copy's vector to the original's, about that of two products of one line


@dataclass(frozen=True, slots=True)
class Catalog:
    """n products by row: texts and content vectors (n, t); and what happened."""

    texts: list[str]
    content: NDArray[np.float32]
    past: Histories

    def __len__(self) -> int:
        return len(self.texts)


def real() -> Catalog:
    """The gift shop itself, its most sold products first."""
    with gzip.open(_DATA / "items.csv.gz", "rt", encoding="utf-8") as file:
        items = sorted(csv.DictReader(file), key=lambda item: -int(item["n_lines"]))
    row_of = {item["StockCode"]: row for row, item in enumerate(items)}
    with gzip.open(_DATA / "transactions.csv.gz", "rt", encoding="utf-8") as file:
        lines = clean(csv.DictReader(file), row_of)
    rows = np.array([row_of[code] for code in lines.codes], dtype=np.int32)
    past, _ = ordered(rows, lines.customers, lines.invoices, lines.times_ms)
    texts = [item["description"] for item in items]
    vectors = content_of(texts)
    described = np.ones(len(texts), dtype=np.bool_)
    return Catalog(texts, fuse(vectors, described, np.zeros((len(texts), 0), dtype=np.float32), ~described), past)


def repeated(shop: Catalog, size: int, most_events: int) -> Catalog:
    """`size` products in as many copies of the shop as that takes, with at most about so many events."""
    random = np.random.default_rng(size)
    copies = -(-size // len(shop))
    texts = [f"{text} series {copy}" for copy in range(copies) for text in shop.texts][:size]
    parts = list(_pasts(shop.past, copies, min(1.0, most_events / (copies * len(shop.past))), random))
    offsets = [replace(part, rows=part.rows + copy * len(shop)) for copy, part in enumerate(parts)]
    past = _laid_together(offsets)
    past = past.take(past.rows < size)
    noise = random.standard_normal((size, shop.content.shape[1]), dtype=np.float32)
    originals = shop.content[np.arange(size) % len(shop)]
    content = unit(_NEARNESS * originals + (1 - _NEARNESS**2) ** 0.5 * unit(noise))
    return Catalog(texts, content, past)


def _pasts(past: Histories, copies: int, share: float, random: np.random.Generator) -> Iterator[Histories]:
    """What a share of the shoppers did, drawn anew for each copy."""
    shoppers = int(past.shoppers.max()) + 1
    for _ in range(copies):
        yield past.take((random.random(shoppers) < share)[past.shoppers])


def _laid_together(parts: list[Histories]) -> Histories:
    """The events of all parts in the order of time; people, visits and baskets of each are its own."""

    def numbers(name: str) -> NDArray[np.int32]:
        values = [getattr(part, name).astype(np.int64) for part in parts]
        span = max(int(value.max(initial=0)) for value in values) + 1
        apart = np.concatenate([value + number * span for number, value in enumerate(values)])
        return np.unique(apart, return_inverse=True)[1].astype(np.int32)

    rows, weights, times = (
        np.concatenate([getattr(one, of) for one in parts]) for of in ("rows", "weights", "times_ms")
    )
    whole = Histories(rows, numbers("shoppers"), numbers("visits"), numbers("baskets"), weights, times)
    return whole.take(np.argsort(times, kind="stable"))
