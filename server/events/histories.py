"""Events as interest: what weighs how much, what undoes what, what was bought together. The one place that training
and serving share, so that a model meets the shoppers it was taught on.

`load` reads a whole shop's events for learning, and `past_at` cuts from that what a model would have seen of a shopper
at some moment. For the next answer `serving.interest` reads the recent events of one shopper, by the same rules.
"""

from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events import voices
from server.events.recents import MOST
from server.shops.models import Shop
from server.storage import database

# How much each kind of event says about interest: a purchase is 1 (5.5 of the model's design; not tuned per shop).
WEIGHTS = {
    "purchase": 1.0,
    "add_to_wishlist": 0.9,
    "add_to_cart": 0.8,
    "view_item": 0.4,
    "select_item": 0.3,
}
# What takes an earlier event on the same item back.
UNDOES = {
    "remove_from_wishlist": frozenset(("add_to_wishlist",)),
    "remove_from_cart": frozenset(("add_to_cart",)),
    "refund": frozenset(("purchase",)),
    "not_interested": frozenset(WEIGHTS),
}
KINDS = (*WEIGHTS, *UNDOES)  # those that say something first
SESSION_GAP_MS = 30 * 60 * 1000  # a pause after which a visit is a new one, as web analytics has it
_NUMBER_OF = {kind: number for number, kind in enumerate(KINDS)}
_ROWS_AT_ONCE = 20_000
_CHUNK = f"""
SELECT id, time_ms, type, item_id, shopper_id, session_id, transaction_id, event_id, source FROM events
WHERE shop_id = {{}} AND (time_ms, id) > ({{}}, {{}}) AND item_id IS NOT NULL
    AND type IN ({", ".join(f"'{kind}'" for kind in KINDS)})
ORDER BY time_ms, id LIMIT {{}}
"""  # noqa: S608 (names of our own)


class Past(NamedTuple):
    """What models see of one shopper: at most `MOST` events that still stand, oldest first; all arrays are (k,).

    `moments`: how many moments of this shopper came after, 0 for the newest; the lines of one order are one moment.
    """

    rows: NDArray[np.int32]
    moments: NDArray[np.int32]
    weights: NDArray[np.float32]
    bought: NDArray[np.bool_]
    times_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


NO_PAST = Past(
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.float32),
    np.empty(0, dtype=np.bool_),
    np.empty(0, dtype=np.int64),
)


def past(
    rows: NDArray[np.int32], weights: NDArray[np.float32], bought: NDArray[np.bool_], times_ms: NDArray[np.int64]
) -> Past:
    """The past that events make up, (k,) each, oldest first."""
    moments = np.zeros(len(rows), dtype=np.int32)
    np.cumsum(times_ms[1:] != times_ms[:-1], out=moments[1:])
    return Past(rows, moments[-1:] - moments if len(rows) else moments, weights, bought, times_ms)


@dataclass(frozen=True, slots=True)
class Histories:
    """The events of a shop that say something about interest, in the order of time; all arrays are (n,).

    `shoppers` and `visits` are numbers from 0; `baskets` too, -1 where an event is no purchase.
    """

    rows: NDArray[np.int32]
    shoppers: NDArray[np.int32]
    visits: NDArray[np.int32]
    baskets: NDArray[np.int32]
    weights: NDArray[np.float32]
    times_ms: NDArray[np.int64]
    heard_until_ms: int = field(default=2**62, kw_only=True)  # see `server.events.voices`

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Histories":
        """The chosen events, as positions in ascending order or as (n,) bool."""
        return Histories(
            *(getattr(self, name)[chosen] for name in ("rows", "shoppers", "visits", "baskets", "weights", "times_ms")),
            heard_until_ms=self.heard_until_ms,
        )

    @property
    def newest_ms(self) -> int:
        """The time of the newest event, 0 when there is none. Ages are counted from here, never from today."""
        return int(self.times_ms[-1]) if len(self.times_ms) else 0

    @property
    def as_of_ms(self) -> int:
        """From when the ages of events are counted: the newest ones, but one sender alone cannot say when that was."""
        return min(self.newest_ms, self.heard_until_ms)


def past_at(histories: Histories, positions: NDArray[np.intp]) -> Past:
    """The past that the events at `positions` make up: those of one shopper, oldest first. The newest `MOST` count."""
    kept = positions[-MOST:]
    return past(histories.rows[kept], histories.weights[kept], histories.baskets[kept] >= 0, histories.times_ms[kept])


class _Codes(dict[str, int]):
    """Numbers for texts, in the order in which they first come."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


async def load(
    shop: Shop, row_of: Callable[[str], int], progress: Callable[[int], Awaitable[None]] | None = None
) -> Histories:
    """Read all events of a shop in chunks. `row_of` gives an item's row, -1 for one that is unknown.

    `progress` is told the number of rows read so far.
    """
    rows, shoppers, baskets = array("i"), array("i"), array("i")
    kinds, times, sources = array("b"), array("q"), array("q")
    known_rows: dict[str, int] = {}
    shopper_codes, basket_codes = _Codes(), _Codes()
    read, time_ms, last_id = 0, -(2**62), 0
    while chunk := await _chunk(shop, time_ms, last_id):
        for _, time_ms, kind, item_id, shopper_id, session_id, order, event_id, source in chunk:
            row = known_rows.get(item_id)
            if row is None:
                row = known_rows[item_id] = row_of(item_id)
            if row < 0:
                continue
            rows.append(row)
            # an event that names nobody is a history of its own: a guest's order still is a basket
            shoppers.append(shopper_codes[f"u{shopper_id}" if shopper_id else f"s{session_id or order or event_id}"])
            baskets.append(basket_codes[order or event_id] if kind == "purchase" else -1)
            kinds.append(_NUMBER_OF[kind])
            times.append(time_ms)
            sources.append(voices.UNKNOWN if source is None else source)
        last_id = chunk[-1][0]
        read += len(chunk)
        if progress is not None:
            await progress(read)
    return _histories(*map(np.asarray, (rows, shoppers, baskets, kinds, times, sources)))


async def _chunk(shop: Shop, time_ms: int, last_id: int) -> list[Any]:
    names = ("?",) * 4 if database.is_sqlite() else ("$1", "$2", "$3", "$4")
    _, rows = await database.reader().execute_query(_CHUNK.format(*names), [shop.id, time_ms, last_id, _ROWS_AT_ONCE])
    return [tuple(row) for row in rows] if database.is_sqlite() else [tuple(row.values()) for row in rows]


def _histories(
    rows: NDArray[np.int32],
    shoppers: NDArray[np.int32],
    baskets: NDArray[np.int32],
    kinds: NDArray[np.int8],
    times_ms: NDArray[np.int64],
    sources: NDArray[np.int64],
) -> Histories:
    weights = np.array([WEIGHTS.get(kind, 0.0) for kind in KINDS], dtype=np.float32)[kinds]
    stands = _standing(rows, shoppers, kinds)
    stands[stands] = voices.heard(sources[stands], shoppers[stands], rows[stands], weights[stands])
    until_ms = voices.heard_until(sources[stands], shoppers[stands], times_ms[stands])
    return Histories(
        rows, shoppers, _visits(shoppers, times_ms), baskets, weights, times_ms, heard_until_ms=until_ms
    ).take(stands)


def _standing(rows: NDArray[np.int32], shoppers: NDArray[np.int32], kinds: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which events, in the order of time, say something about interest and were not taken back later, (n,) bool."""
    stands = kinds < len(WEIGHTS)
    pairs = shoppers.astype(np.int64) * (int(rows.max(initial=0)) + 1) + rows
    for undo, undone in UNDOES.items():
        takes_back = np.flatnonzero(kinds == _NUMBER_OF[undo])
        if not len(takes_back):
            continue
        last = dict(zip(pairs[takes_back].tolist(), takes_back.tolist(), strict=True))  # the last one of each pair
        affected = np.flatnonzero(np.isin(kinds, [_NUMBER_OF[kind] for kind in undone]) & np.isin(pairs, list(last)))
        stands[[at for at in affected.tolist() if at < last[int(pairs[at])]]] = False
    return stands


def _visits(shoppers: NDArray[np.int32], times_ms: NDArray[np.int64]) -> NDArray[np.int32]:
    """Numbers of visits: a shopper's events with no long pause between them."""
    order = np.argsort(shoppers, kind="stable")  # within a shopper in the order of time
    first = np.diff(shoppers[order], prepend=-1) != 0
    first |= np.diff(times_ms[order], prepend=0) > SESSION_GAP_MS
    visits = np.empty(len(order), dtype=np.int32)
    visits[order] = np.cumsum(first, dtype=np.int32) - 1
    return visits
