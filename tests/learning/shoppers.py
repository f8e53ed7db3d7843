"""Pasts of a few shoppers, drawn by hypothesis or by chance: some buy one thing at a time, some whole baskets."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from server.events.histories import WEIGHTS, Histories

DAY_MS = 86_400_000
BEGIN_MS = 1_700_000_000_000


class Did(NamedTuple):
    """One event: who, when in days, which product, and of which kind."""

    shopper: int
    day: int
    row: int
    kind: str = "purchase"


def histories(events: list[Did]) -> Histories:
    """The same as arrays, in the order of time."""
    events = sorted(events, key=lambda did: did.day)  # stable: within a day as they came
    bought = np.array([did.kind == "purchase" for did in events], dtype=np.bool_)
    shoppers = np.array([did.shopper for did in events], dtype=np.int32)
    days = np.array([did.day for did in events], dtype=np.int64)
    visits = (shoppers * 10_000 + days).astype(np.int32)
    return Histories(
        rows=np.array([did.row for did in events], dtype=np.int32),
        shoppers=shoppers,
        visits=visits,
        baskets=np.where(bought, visits, -1).astype(np.int32),
        weights=np.array([WEIGHTS[did.kind] for did in events], dtype=np.float32),
        times_ms=BEGIN_MS + days * DAY_MS,
    )


@st.composite
def shops(draw: st.DrawFn, most_products: int = 12, most_events: int = 60) -> tuple[Histories, int]:
    """Histories of a small shop and its number of products; in half of the shops most events come in baskets."""
    count = draw(st.integers(2, most_products))
    days = draw(st.sampled_from([2, 30]))  # few days: several products at one moment
    event = st.builds(
        Did, st.integers(0, 6), st.integers(0, days), st.integers(0, count - 1), st.sampled_from(list(WEIGHTS))
    )
    return histories(draw(st.lists(event, min_size=1, max_size=most_events))), count


def habitual(count: int = 40, shoppers: int = 200, length: int = 8, seed: int = 0, lines: int = 1) -> Histories:
    """Shoppers who mostly take the next product of the same kind; `lines`: how many products at one moment."""
    random = np.random.default_rng(seed)
    events: list[Did] = []
    for shopper in range(shoppers):
        row, day = int(random.integers(count)), int(random.integers(30))
        for place in range(length):
            events.append(Did(shopper, day, row, "purchase" if random.random() < 0.4 else "view_item"))
            row = (row + 4 * (1 + int(random.random() < 0.2))) % count
            day += int((place + 1) % lines == 0)
    return histories(events)


def content(count: int, dimensions: int = 16, seed: int = 1) -> np.ndarray:
    """Unit vectors (n, t) by kind of product, as `habitual` has four; the last product has none."""
    random = np.random.default_rng(seed)
    kinds = random.standard_normal((4, dimensions))
    vectors = kinds[np.arange(count) % 4] + random.standard_normal((count, dimensions)) / 2
    vectors[-1] = 0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)


def texts(count: int) -> list[str]:
    """What the same products are called."""
    kinds = ("linen shirt", "wool coat", "leather belt", "silk scarf")
    return [f"{kinds[row % 4]} model {row // 4 % 5} no {row}" for row in range(count)]
