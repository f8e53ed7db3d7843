"""What one sender counts for, however much is sent; and that honest shoppers lose nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.events.voices import MOST_IN_ALL, MOST_ON_ONE_ITEM, ROBOT, UNKNOWN, heard, heard_until

events = st.lists(st.tuples(st.sampled_from([UNKNOWN, 1, 2, 3]), st.integers(0, 4), st.sampled_from([0.3, 0.8, 1.0])))


def of(*lines: tuple[int, int, float]) -> np.ndarray:
    """Whether each line (source, row, weight) counts; each is another shopper's."""
    sources, rows, weights = zip(*lines, strict=True) if lines else ((), (), ())
    return heard(
        np.array(sources, dtype=np.int64),
        np.arange(len(lines), dtype=np.int32),
        np.array(rows, dtype=np.int32),
        np.array(weights, dtype=np.float32),
    )


def test_of_an_office_that_wants_one_thing_three_count() -> None:
    counted = of(*[(7, 3, 1.0)] * ROBOT, (8, 3, 1.0), (UNKNOWN, 3, 1.0))
    assert counted[:ROBOT].sum() == MOST_ON_ONE_ITEM
    assert counted[ROBOT:].all()


def test_of_ten_thousand_purchases_from_one_address_none_counts_nor_does_the_rest_of_it() -> None:
    counted = of(*[(7, 3, 1.0)] * 10_000, (7, 4, 1.0), (8, 3, 1.0), (UNKNOWN, 3, 1.0))
    assert counted.tolist() == [False] * 10_001 + [True, True]


def test_where_most_senders_look_like_robots_it_is_a_proxy_and_all_count() -> None:
    days = [(day, 3, 0.4) for day in range(30) for _ in range(200)]
    assert of(*days, (99, 3, 0.4)).all()


def test_the_strongest_events_count() -> None:
    counted = of((1, 0, 0.4), (1, 0, 0.4), (1, 0, 0.4), (1, 0, 0.8), (1, 0, 1.0), (2, 0, 0.4))
    assert counted.tolist() == [True, False, False, True, True, True]


def test_one_address_counts_for_no_more_than_a_crowd() -> None:
    many = [(1, row, 0.4) for row in range(5_000)]
    assert of(*many, (2, 0, 0.4))[:-1].sum() == MOST_IN_ALL


def test_where_everything_comes_from_one_place_everything_counts() -> None:
    assert of(*[(7, 3, 1.0)] * 50).all()
    assert of(*[(UNKNOWN, 3, 1.0)] * 50).all()
    assert of().tolist() == []


def until(*lines: tuple[int, int, int]) -> int:
    """When the shop's newest events count as recent; lines of source, shopper and time."""
    sources, shoppers, times = zip(*lines, strict=True)
    return heard_until(np.array(sources, dtype=np.int64), np.array(shoppers, dtype=np.int32), np.array(times))


def test_one_sender_does_not_make_last_season_old() -> None:
    season = [(UNKNOWN, shopper, 100 + shopper) for shopper in range(20)]
    assert until(*season) == 116
    assert until(*season, *[(7, shopper, 900) for shopper in range(100, 200)]) == 117
    assert until(*season, *[(UNKNOWN, 100, 900 + n) for n in range(50)]) == 117
    assert until(*season, *[(source, 100 + source, 900 + source) for source in range(9)]) == 905
    assert until((UNKNOWN, 0, 5), (UNKNOWN, 1, 9)) == 9, "a shop that just opened"


@given(events)
def test_what_the_shop_vouches_for_always_counts_and_nobody_passes_the_cap(lines) -> None:
    counted = of(*lines)
    sources = {source for source, _, _ in lines}
    assert all(counts for (source, _, _), counts in zip(lines, counted, strict=True) if source == UNKNOWN)
    for source in sources - {UNKNOWN}:
        for row in range(5):
            own = [counts for (s, r, _), counts in zip(lines, counted, strict=True) if (s, r) == (source, row)]
            expected = len(own) if len(sources) < 2 else min(len(own), MOST_ON_ONE_ITEM)
            assert sum(own) == expected
