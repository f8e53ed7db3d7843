"""A shop's past as the benchmark sees it: what happened, and what its products are."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from server.events.histories import SESSION_GAP_MS, Histories


@dataclass(frozen=True, slots=True)
class Products:
    """n products by row. `passages`: "title. brand. category path"; `texts`: the same with the description;
    `brands` and `categories` (the path): "" for none.
    """

    item_ids: list[str]
    passages: list[str]
    texts: list[str]
    brands: list[str]
    categories: list[str]

    def __len__(self) -> int:
        return len(self.item_ids)

    def take(self, rows: NDArray[np.intp]) -> "Products":
        """The products of these rows, in this order."""
        chosen = rows.tolist()
        return Products(
            *(
                [of[row] for row in chosen]
                for of in (self.item_ids, self.passages, self.texts, self.brands, self.categories)
            )
        )


@dataclass(frozen=True, slots=True)
class Shop:
    """A data set. `held_out` (events,) bool marks those that its makers set aside, None when they did not; `timed`:
    whether the times of events are times, or only an order.
    """

    name: str
    products: Products
    histories: Histories
    held_out: NDArray[np.bool_] | None
    timed: bool

    def narrowed(self, rows: NDArray[np.intp]) -> "Shop":
        """A shop of only these products, numbered anew, and of those shoppers who had to do with them."""
        new_rows = np.full(len(self.products), -1, dtype=np.int32)
        new_rows[rows] = np.arange(len(rows), dtype=np.int32)
        kept = new_rows[self.histories.rows] >= 0
        histories = self.histories.take(kept)
        histories = replace(histories, rows=new_rows[histories.rows])
        held_out = self.held_out[kept] if self.held_out is not None else None
        return Shop(self.name, self.products.take(rows), histories, held_out, self.timed)


def ordered(
    rows: NDArray[np.int32], shoppers: NDArray[np.int32], baskets: NDArray[np.int32], times_ms: NDArray[np.int64]
) -> tuple[Histories, NDArray[np.intp]]:
    """Purchases as histories in the order of time, and where each came from; equals stay as they come."""
    order = np.argsort(times_ms, kind="stable")
    rows, shoppers, baskets = (of[order] for of in (rows, shoppers, baskets))
    times_ms = times_ms[order]
    ones = np.ones(len(rows), dtype=np.float32)  # every event is a purchase
    return Histories(rows, shoppers, _visits(shoppers, times_ms), baskets, ones, times_ms), order


def _visits(shoppers: NDArray[np.int32], times_ms: NDArray[np.int64]) -> NDArray[np.int32]:
    order = np.argsort(shoppers, kind="stable")
    first = np.diff(shoppers[order], prepend=-1) != 0
    first |= np.diff(times_ms[order], prepend=0) > SESSION_GAP_MS
    visits = np.empty(len(order), dtype=np.int32)
    visits[order] = np.cumsum(first, dtype=np.int32) - 1
    return visits
