"""Ways of holding back a part of the past, each of them known from the literature; none lets a model see its tests."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.scarcity import cold, small
from benchmarks.quality.shop import Shop
from benchmarks.quality.splits import ProtocolError, Split, Test, enough
from server.events.histories import Histories, past_at
from server.learning.cases import Cases, before, by_shopper, leave_last_out, time_cut

DAY_MS = 24 * 3600 * 1000
_TRAINED_SHARE = 0.9  # of the events lies before a cut in time that nobody named; on Beauty it is the published cut
_MONTH = 30  # days that next baskets are taken from, for validation and for test


def leave_one_out(shop: Shop) -> list[Split]:
    """The last event of every shopper is the test, the one before it validation, the rest training."""
    train, (validation, test) = leave_last_out(shop.histories)
    return [Split("", shop.products, train, validation, train, [Test("", enough(test, shop.name))])]


def time_split(shop: Shop, cut_ms: int | None = None) -> list[Split]:
    """One moment for all: what shoppers known before it did from then on. By itself after nine tenths of the events."""
    cut_ms = _usual_cut(shop.histories) if cut_ms is None else cut_ms
    whole = before(shop.histories, cut_ms)
    inner_ms = _usual_cut(whole)
    validation = time_cut(whole, inner_ms)
    test = Test("", enough(time_cut(shop.histories, cut_ms), shop.name))
    return [Split("", shop.products, before(whole, inner_ms), validation, whole, [test])]


def _usual_cut(histories: Histories) -> int:
    """Midnight of the day by which nine tenths of the events had happened."""
    if not len(histories):
        return 0
    return int(histories.times_ms[int(len(histories) * _TRAINED_SHARE)]) // DAY_MS * DAY_MS


def next_basket(shop: Shop, cut_ms: int | None = None) -> list[Split]:
    """The first order of known customers in the last 30 days: whole, and only what they never had before."""
    if cut_ms is None:
        cut_ms = (shop.histories.newest_ms // DAY_MS + 1 - _MONTH) * DAY_MS
    whole = before(shop.histories, cut_ms)
    inner_ms = cut_ms - _MONTH * DAY_MS
    validation = time_cut(whole, inner_ms, next_moment=True)
    test = enough(time_cut(shop.histories, cut_ms, next_moment=True), shop.name)
    tests = [Test("all", test, mask_known=False), Test("new", test.new_only())]
    return [Split("", shop.products, before(whole, inner_ms), validation, whole, tests)]


def holdout(shop: Shop) -> list[Split]:
    """The events that the makers of the data set aside are the test; one of the rest, drawn by chance, validation.

    They did so because the order of the events is no order in time. So nobody is told it: all events of a shopper are
    of one moment, and lie in an order drawn by chance.
    """
    if shop.held_out is None:
        raise ProtocolError(f"{shop.name} has no column holdout")
    generator = np.random.default_rng(0)
    drawn = np.zeros(len(shop.histories), dtype=np.bool_)
    for _, positions in by_shopper(shop.histories):
        left = positions[~shop.held_out[positions]]
        if len(left) > 1:
            drawn[generator.choice(left)] = True
    mixed = generator.permutation(len(shop.histories))
    histories = replace(shop.histories.take(mixed), times_ms=np.zeros(len(mixed), dtype=np.int64))
    held_out, drawn = shop.held_out[mixed], drawn[mixed]
    kept = ~held_out
    train = histories.take(kept & ~drawn)
    validation = _without_order(histories, drawn, kept)
    test = Test("", enough(_without_order(histories, held_out, np.ones_like(kept)), shop.name))
    return [Split("", shop.products, train, validation, histories.take(kept), [test])]


def _without_order(histories: Histories, asked: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Cases:
    """A case for each shopper with an `asked` event; the past is all that is `seen` besides."""
    parts = [
        (shopper, positions[seen[positions] & ~asked[positions]], positions[asked[positions]])
        for shopper, positions in by_shopper(histories)
    ]
    parts = [part for part in parts if len(part[1]) and len(part[2])]
    return Cases(
        pasts=[past_at(histories, past) for _, past, _ in parts],
        known=[np.unique(histories.rows[past]) for _, past, _ in parts],
        targets=[np.unique(histories.rows[after]) for _, _, after in parts],
        now_ms=np.full(len(parts), histories.newest_ms + 1, dtype=np.int64),
        shoppers=np.array([shopper for shopper, _, _ in parts], dtype=np.int32),
    )


class Protocol(NamedTuple):
    """A way to cut a shop's past. `cut(shop, cut_ms, seed)`; `timed`: whether it needs real times; `by_chance`: whether
    the seed decides what is held back, so that every model runs for every seed.
    """

    cut: Callable[[Shop, int | None, int], list[Split]]
    timed: bool = False
    by_chance: bool = False


PROTOCOLS = {
    "leave-one-out": Protocol(lambda shop, _, __: leave_one_out(shop)),
    "time-cut": Protocol(lambda shop, cut_ms, _: time_split(shop, cut_ms), timed=True),
    "next-basket": Protocol(lambda shop, cut_ms, _: next_basket(shop, cut_ms), timed=True),
    "holdout": Protocol(lambda shop, _, __: holdout(shop)),
    "cold": Protocol(lambda shop, _, seed: cold(shop, seed), by_chance=True),
    "small": Protocol(lambda shop, _, seed: small(shop, seed), by_chance=True),
}
