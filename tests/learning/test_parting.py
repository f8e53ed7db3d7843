"""A shopper of one moment teaches by what is predicted of it from the rest; all others stay as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.events.histories import Histories
from server.learning import tower_training
from server.learning.cases import Cases, by_shopper, leave_last_out
from server.learning.parting import Parting
from server.learning.two_tower import Settings
from tests.learning.shoppers import Did, content, histories, shops

KINDS = 4


def moments(past: Histories, shopper: int) -> list[list[int]]:
    """What a shopper chose at each moment, in order."""
    rows, times = (values[past.shoppers == shopper] for values in (past.rows, past.times_ms))
    return [sorted(rows[times == time].tolist()) for time in np.unique(times)]


@settings(deadline=None, max_examples=60)
@given(shops(most_events=40), st.integers(0, 9))
def test_a_part_of_each_lone_moment_follows_on_the_rest(shop: tuple[Histories, int], seed: int) -> None:
    past, _ = shop
    parting = Parting(past, seed)
    drawn = parting.drawn()
    parted = 0
    for shopper, positions in by_shopper(past):
        before, after = moments(past, shopper), moments(drawn, shopper)
        if len(before) == 1 and len(positions) > 1:
            parted += 1
            rest, predicted = after
            assert sorted(rest + predicted) == before[0]
        else:
            assert after == before
        kept = drawn.shoppers == shopper
        assert (np.diff(drawn.times_ms[kept]) >= 0).all(), "in the order of time"
    assert len(parting) == parted


def test_every_epoch_asks_for_another_part_and_in_the_end_for_all() -> None:
    basket = histories([Did(0, 0, row) for row in range(6)])
    parting, again = Parting(basket, 3), Parting(basket, 3)
    asked = [tuple(moments(parting.drawn(), 0)[1]) for _ in range(60)]
    assert set().union(*asked) == set(range(6))
    assert len(set(asked)) > 6
    assert asked == [tuple(moments(again.drawn(), 0)[1]) for _ in range(60)], "the same seed, the same parts"


def of_one_basket(shoppers: int, count: int) -> tuple[Histories, Cases]:
    """Baskets of five products of one kind; of the sixth it is asked whether it is found."""
    random = np.random.default_rng(0)
    events: list[Did] = []
    for shopper in range(shoppers):
        of_kind = np.arange(int(random.integers(KINDS)), count, KINDS)
        events += [Did(shopper, 0, int(row)) for row in random.choice(of_kind, 6, replace=False)]
    train, (asked,) = leave_last_out(histories(events), places=1)
    return train, asked


@pytest.mark.slow
def test_baskets_of_shoppers_who_came_once_teach_the_towers() -> None:
    """Of forty products one in four is of the basket's kind; by chance ten of the 35 left have it in 29 %."""
    train, asked = of_one_basket(400, 40)
    chosen = Settings(dimensions=16, length=8, epochs=14, batch=32, negatives=64)
    nothing = np.zeros_like(content(40))  # said of the products: all is learnt from who chose them
    assert tower_training.train(train, nothing, chosen, asked).quality > 0.35
