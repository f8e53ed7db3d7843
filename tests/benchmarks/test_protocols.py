"""No protocol lets a model see its tests, and each asks what it says."""

import itertools

import numpy as np
import pytest

from benchmarks.quality.protocols import DAY_MS, PROTOCOLS
from benchmarks.quality.shop import Products, Shop, ordered
from benchmarks.quality.splits import ProtocolError, Split
from server.events.histories import Histories
from server.learning.cases import Cases

COUNT = 60


@pytest.fixture
def shop() -> Shop:
    """Forty shoppers who come every ten days for a year, three products at a time, some of them again and again."""
    generator = np.random.default_rng(0)
    visits = [(shopper, day) for shopper in range(40) for day in range(shopper % 10, 360, 10)]
    bought = [(shopper, day, row) for shopper, day in visits for row in generator.choice(COUNT, 3, replace=False)]
    shoppers, days, rows = np.array(bought).T
    baskets = (shoppers * 1000 + days).astype(np.int32)
    histories, _ = ordered(rows.astype(np.int32), shoppers.astype(np.int32), baskets, days.astype(np.int64) * DAY_MS)
    names = [f"p{row}" for row in range(COUNT)]
    categories = ["Hair Care > Combs" if row < 20 else "Books" for row in range(COUNT)]
    held_out = np.zeros(len(histories), dtype=np.bool_)
    held_out[np.unique(histories.shoppers, return_index=True)[1] + 80] = True
    return Shop("shop", Products(names, names, names, [""] * COUNT, categories), histories, held_out, True)


def events(histories: Histories) -> set[tuple[int, int, int]]:
    return set(zip(histories.shoppers.tolist(), histories.times_ms.tolist(), histories.rows.tolist(), strict=True))


def cut(protocol: str, shop: Shop, seed: int = 0) -> list[Split]:
    return PROTOCOLS[protocol].cut(shop, None, seed)


def asked(cases: Cases) -> set[tuple[int, int]]:
    return {
        (int(shopper), int(row)) for shopper, rows in zip(cases.shoppers, cases.targets, strict=True) for row in rows
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_learned_from_comes_from_the_shop_and_holds_no_test(shop: Shop, protocol: str) -> None:
    for split in cut(protocol, shop):
        assert len(split.train) <= len(split.whole) < len(shop.histories)
        assert events(split.train) <= events(split.whole)
        assert all(len(test.cases) for test in split.tests)
        assert split.whole.rows.max(initial=0) < len(split.products)


def test_cut_in_time_divides_at_one_moment(shop: Shop) -> None:
    (split,) = cut("time-cut", shop)
    (test,) = split.tests
    assert split.whole.newest_ms < test.cases.now_ms.min()
    assert split.train.newest_ms < split.validation.now_ms.min()
    assert 0.85 < len(split.whole) / len(shop.histories) < 0.95


def test_next_basket_is_the_first_of_the_last_month_whole_and_new(shop: Shop) -> None:
    (split,) = cut("next-basket", shop)
    whole, new = split.tests
    assert (whole.name, whole.mask_known, new.name, new.mask_known) == ("all", False, "new", True)
    assert all(len(targets) == 3 for targets in whole.cases.targets)
    assert (whole.cases.now_ms - split.whole.newest_ms <= 11 * DAY_MS).all()
    for known, targets in zip(new.cases.known, new.cases.targets, strict=True):
        assert not np.isin(targets, known).any()


def bought(histories: Histories) -> list[tuple[int, int]]:
    return sorted(zip(histories.shoppers.tolist(), histories.rows.tolist(), strict=True))


def test_events_that_were_set_aside_are_the_test(shop: Shop) -> None:
    (split,) = cut("holdout", shop)
    (test,) = split.tests
    assert shop.held_out is not None
    assert bought(split.whole) == bought(shop.histories.take(~shop.held_out))
    assert asked(test.cases) == set(bought(shop.histories.take(shop.held_out)))
    assert len(split.whole) - len(split.train) == len(split.validation) == 40


def test_holdout_tells_nobody_the_order(shop: Shop) -> None:
    """Its makers say that it is none: neither times nor places tell what came first."""
    (split,) = cut("holdout", shop)
    (test,) = split.tests
    pasts = [*split.validation.pasts, *test.cases.pasts]
    assert len(np.unique(split.whole.times_ms)) == 1
    assert not any(past.moments.any() for past in pasts)
    for shopper in range(40):
        source = shop.histories.rows[shop.histories.shoppers == shopper].tolist()
        told = split.whole.rows[split.whole.shoppers == shopper].tolist()
        in_order = iter(source)
        assert not all(row in in_order for row in told), "as the source has it"
    assert bought(cut("holdout", shop)[0].train) == bought(split.train), "the same again"


def test_set_without_marks_has_no_holdout(shop: Shop) -> None:
    bare = Shop(shop.name, shop.products, shop.histories, None, True)
    with pytest.raises(ProtocolError, match="has no column holdout"):
        cut("holdout", bare)


def test_hidden_products_are_in_no_history(shop: Shop) -> None:
    (split,) = cut("cold", shop)
    only, among_all, everything = split.tests
    hidden = only.among
    assert hidden is not None
    assert not hidden[split.train.rows].any()
    assert not any(hidden[past.rows].any() for past in (*split.validation.pasts, *everything.cases.pasts))
    assert all(hidden[targets].all() for targets in among_all.cases.targets)
    assert len(everything.cases) > len(among_all.cases) == len(only.cases)
    assert cut("cold", shop, seed=1)[0].tests[0].among.tolist() != hidden.tolist()  # type: ignore[union-attr]


def test_small_shop_is_a_category_with_few_shoppers_to_learn_from(shop: Shop) -> None:
    splits = cut("small", shop)
    assert [split.name.split(",")[0] for split in splits] == ["Hair Care"] * 4
    assert all(len(split.products) == 20 for split in splits)
    sizes = [len(split.train) for split in splits]
    assert sizes == sorted(sizes)
    assert len({len(split.tests[0].cases) for split in splits}) == 1
    for smaller, larger in itertools.pairwise(splits):
        assert events(smaller.train) <= events(larger.train)


def test_shop_without_enough_history_is_refused(shop: Shop) -> None:
    nothing = Shop("new", shop.products, shop.histories.take(np.arange(2)), None, True)
    with pytest.raises(ProtocolError, match="new is too small for this protocol"):
        cut("leave-one-out", nothing)
