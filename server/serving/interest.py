"""What a shopper did lately, as rows of one shop's products: what to go by, what not to show, what models see of it.

`native` reads the lines that Redis keeps and weighs them; here is what it is told. What events say, and what takes them
back, stands in `events.histories`, by which models are taught as well.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.events import histories, recents
from server.events.histories import KINDS, UNDOES, WEIGHTS, Past
from server.serving.native import NULL, ffi, lib

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
_EVENTS, _INTEREST, _NUMBERS_32, _NUMBERS_64 = map(ffi.typeof, ("Events *", "Interest *", "int32_t[]", "int64_t[]"))


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


class Interest(NamedTuple):
    """What that says of one shopper; products are rows.

    `seeds`: strongest first, `weights` of each (0..1), and `because`, the code of the reason it gives, or ""; `never`:
    not to be shown; `standing`: the events that still stand.
    """

    seeds: list[int]
    weights: list[float]
    because: list[str]
    never: list[int]
    standing: "_Events"

    @property
    def known(self) -> list[int]:
        """The rows of the events that still stand, oldest first."""
        return ffi.unpack(self.standing.rows, self.standing.told.count)

    def past(self) -> Past:
        """What models see of it."""
        rows, kinds, times_ms = self.standing.arrays()
        return histories.past(rows, _WEIGHTS[kinds], kinds == _PURCHASE, times_ms)


def interest_of(
    done: Done, row_of: Callable[[str], int], now_ms: int, *, keys: Any = NULL, lately_ms: int = LATELY_MS
) -> Interest:
    """The interest of one shopper. `row_of` gives an item's row, -1 for an unknown one; `keys`: the table of
    `native/interface.h` that says the same, where there is one. What was taken within `lately_ms` is not to be shown.
    """
    events = _Events(sum([len(log) for log in done.logs]) // _SHORTEST_LINE + len(done.tab))
    for log in done.logs:
        if not keys or not events.read(log, keys):
            events.read_slowly(log, row_of)
    for age_ms, item_id in enumerate(done.tab):
        events.add(row_of(item_id), _VIEW, now_ms - age_ms)
    found = ffi.new(_INTEREST)
    lib.vitrina_interest(events.told, _KINDS, now_ms - lately_ms, found)
    count = found.seed_count
    return Interest(
        ffi.unpack(found.seeds, count),
        ffi.unpack(found.weights, count),
        [_CODES[kind] for kind in ffi.unpack(found.kinds, count)],
        ffi.unpack(found.never, found.never_count),
        events,
    )


class _Events:
    """The `Events` of `native/interface.h`, for so many at most."""

    __slots__ = ("kinds", "rows", "times_ms", "told")

    def __init__(self, room: int) -> None:
        self.rows, self.kinds = ffi.new(_NUMBERS_32, room), ffi.new(_NUMBERS_32, room)
        self.times_ms = ffi.new(_NUMBERS_64, room)
        self.told = ffi.new(_EVENTS, (self.rows, self.kinds, self.times_ms, 0, room))

    def read(self, log: bytes, keys: Any) -> bool:
        """Add what a log tells; False, and nothing is added, where only `read_slowly` can."""
        before, body = self.told.count, log.find(b"\n") + 1
        if not lib.vitrina_read(ffi.from_buffer(log) + body, len(log) - body, keys, _KINDS, self.told):
            return True
        self.told.count = before
        return False

    def read_slowly(self, log: bytes, row_of: Callable[[str], int]) -> None:
        """The same where ids hold what JSON escapes, or came after the snapshot."""
        rows, kinds, times_ms = self.arrays()
        told = set(zip(rows.tolist(), kinds.tolist(), times_ms.tolist(), strict=True))
        for recent in recents.read(log):
            event = row_of(recent.item_id), _NUMBERS.get(recent.type, -1), recent.time_ms
            if event not in told:
                self.add(*event)

    def add(self, row: int, kind: int, time_ms: int) -> None:
        """Add one event, if product and kind are known (-1: not)."""
        if row >= 0 and kind >= 0:
            at = self.told.count
            self.rows[at], self.kinds[at], self.times_ms[at] = row, kind, time_ms
            self.told.count = at + 1

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Rows, kinds and times, (k,) each."""
        count: int = self.told.count
        rows, kinds = (np.frombuffer(ffi.buffer(of, 4 * count), dtype=np.int32) for of in (self.rows, self.kinds))
        return rows, kinds, np.frombuffer(ffi.buffer(self.times_ms, 8 * count), dtype=np.int64)
