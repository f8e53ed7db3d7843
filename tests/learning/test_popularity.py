"""Popularity: recent counts more, a shopper counts once a day, and an old shop is not a dead one."""

import numpy as np

from server.events.histories import Histories
from server.learning.popularity import HALF_LIFE_DAYS, popularity

DAY_MS = 24 * 3600 * 1000


def sales(*lines: tuple[int, int, float]) -> Histories:
    """Histories of sales: shopper, row and day each."""
    lines = tuple(sorted(lines, key=lambda line: line[2]))
    shoppers, rows = (np.array([line[at] for line in lines], dtype=np.int32) for at in (0, 1))
    times = np.array([line[2] * DAY_MS for line in lines], dtype=np.int64)
    return Histories(rows, shoppers, shoppers, shoppers, np.ones(len(lines), dtype=np.float32), times)


def test_recent_sale_counts_more() -> None:
    found = popularity(sales((1, 0, 100), (2, 1, 100 + HALF_LIFE_DAYS)), 3)
    assert found.tolist() == [0.5, 1.0, 0.0]


def test_age_is_counted_from_the_shops_newest_event() -> None:
    old, new = sales((1, 0, 10), (2, 1, 40)), sales((1, 0, 10_010), (2, 1, 10_040))
    assert np.array_equal(popularity(old, 2), popularity(new, 2))


def test_one_shopper_counts_once_a_day() -> None:
    many_lines = [(1, 0, 5.1)] * 20
    assert popularity(sales(*many_lines, (2, 1, 5.2), (3, 1, 5.2)), 2).tolist() == [0.5, 1.0]


def test_nothing_is_popular_without_events() -> None:
    nothing = np.empty(0, dtype=np.int32)
    assert popularity(Histories(nothing, nothing, nothing, nothing, nothing, nothing), 2).tolist() == [0, 0]
