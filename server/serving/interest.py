"""What a shopper did lately, as rows of one shop's products: what to go by, what not to show, what models see of it.

`native` reads the lines that Redis keeps and weighs them; here is what it is told. What events say, and what takes them
back, stands in `events.histories`, by which models are taught as well.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.events import histories, recents
from server.events.histories import KINDS, UNDOES, WEIGHTS, Past
from server.serving.native import NULL, ffi, lib, pointer

MOST_SEEDS: int = lib.MOST_SEEDS  # on the gift shop's next baskets 24 find a sixth more than 12, and 50 no more
LATELY_MS = 30 * 24 * 3600 * 1000  # what was bought or put in the cart since then is not shown again
FADING_STEPS = 4.0  # an event counts 1/e after that many later moments of the same shopper
_BECAUSE = {
    "add_to_wishlist": "because-liked",
    "purchase": "because-bought",
    "view_item": "because-viewed",
    "select_item": "because-viewed",
}
_TAKEN = ("add_to_cart", "purchase")
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
_CODES = [_BECAUSE.get(kind, "") for kind in KINDS]
_WEIGHTS = np.array([WEIGHTS.get(kind, 0.0) for kind in KINDS], dtype=np.float32)
_VIEW, _PURCHASE = _NUMBERS["view_item"], _NUMBERS["purchase"]
_SHORTEST_LINE = 16  # bytes: `["a","refund",1],`
_EVENTS, _INTEREST = ffi.typeof("Events *"), ffi.typeof("Interest *")


def _bits(kinds: Collection[str]) -> int:
    return sum(1 << _NUMBERS[kind] for kind in kinds)


_NAMES = [ffi.new("char[]", kind.encode()) for kind in KINDS]
_ARRAYS = (  # what the addresses below point to
    ffi.new("char *[]", _NAMES),
    ffi.new("double[]", [WEIGHTS.get(kind, 0.0) for kind in KINDS]),
    ffi.new("int32_t[]", [_bits(UNDOES.get(kind, ())) for kind in KINDS]),
    ffi.new("double[]", [exp(-step / FADING_STEPS) for step in range(lib.MOST_EVENTS)]),
)
_KINDS = ffi.new("Kinds *", (*_ARRAYS, len(KINDS), _bits(_TAKEN), _NUMBERS["not_interested"]))


@dataclass(frozen=True, slots=True)
class Done:
    """What a shopper did last, as it is kept. `logs`: see `Recents.logs_of`; `tab`: ids that the page tells of its own
    tab, looked at just now, newest first.
    """

    logs: Sequence[bytes] = ()
    tab: Sequence[str] = ()


NOTHING = Done()


@dataclass(frozen=True, slots=True)
class Interest:
    """What that says of one shopper; products are rows.

    `seeds`: strongest first, `weights` of each (0..1), and `because`, the code of the reason it gives, or ""; `never`:
    not to be shown. The rest are the events that still stand, (k,) each, oldest first.
    """

    seeds: list[int]
    weights: list[float]
    because: list[str]
    never: list[int]
    rows: NDArray[np.int32]
    kinds: NDArray[np.int32]
    times_ms: NDArray[np.int64]

    def past(self) -> Past:
        """What models see of it."""
        return histories.past(self.rows, _WEIGHTS[self.kinds], self.kinds == _PURCHASE, self.times_ms)


def interest_of(
    done: Done, row_of: Callable[[str], int], now_ms: int, *, keys: Any = NULL, lately_ms: int = LATELY_MS
) -> Interest:
    """The interest of one shopper. `row_of` gives an item's row, -1 for an unknown one; `keys`: the table of
    `native/interface.h` that says the same, where there is one. What was taken within `lately_ms` is not to be shown.
    """
    room = sum(len(log) for log in done.logs) // _SHORTEST_LINE + len(done.tab)
    rows, kinds = (np.empty(room, dtype=np.int32) for _ in range(2))
    times_ms = np.empty(room, dtype=np.int64)
    events = ffi.new(_EVENTS, (pointer(rows), pointer(kinds), pointer(times_ms), 0, room))
    for log in done.logs:
        body, count = log.find(b"\n") + 1, events.count
        at = ffi.from_buffer(log) + body
        if not keys or lib.vitrina_read(at, len(log) - body, keys, _KINDS, events):
            events.count = _read(log, row_of, rows, kinds, times_ms, count)
    for age_ms, item_id in enumerate(done.tab):
        if (row := row_of(item_id)) >= 0:
            at = events.count
            rows[at], kinds[at], times_ms[at] = row, _VIEW, now_ms - age_ms
            events.count = at + 1
    found = ffi.new(_INTEREST)
    lib.vitrina_interest(events, _KINDS, now_ms - lately_ms, found)
    count = found.seed_count
    return Interest(
        ffi.unpack(found.seeds, count),
        ffi.unpack(found.weights, count),
        [_CODES[kind] for kind in ffi.unpack(found.kinds, count)],
        ffi.unpack(found.never, found.never_count),
        rows[: events.count],
        kinds[: events.count],
        times_ms[: events.count],
    )


def _read(
    log: bytes,
    row_of: Callable[[str], int],
    rows: NDArray[np.int32],
    kinds: NDArray[np.int32],
    times_ms: NDArray[np.int64],
    count: int,
) -> int:
    """The slow way of `vitrina_read`: ids may hold anything, and any of them may have come after the snapshot."""
    told = set(zip(rows[:count].tolist(), kinds[:count].tolist(), times_ms[:count].tolist(), strict=True))
    for recent in recents.read(log):
        event = row_of(recent.item_id), _NUMBERS.get(recent.type, -1), recent.time_ms
        if min(event) >= 0 and event not in told:
            rows[count], kinds[count], times_ms[count] = event
            count += 1
    return count
