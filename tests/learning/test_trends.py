"""What is popular lately: shoppers counted once each, from the shop's newest event, never from today."""

import numpy as np
import pytest
from hypothesis import given, settings

from server.events.histories import Histories
from server.learning.trends import trends
from server.serving.learned import TREND_DAYS
from tests.learning.shoppers import DAY_MS, Did, histories, shops


@settings(deadline=None, max_examples=80)
@given(shops())
def test_shoppers_are_counted_once_in_each_span(shop: tuple[Histories, int]) -> None:
    past, count = shop
    found = trends(past, count)
    for number, days in enumerate((10**6, *TREND_DAYS)):
        lately = past.take(past.times_ms > past.newest_ms - days * DAY_MS)
        pairs = set(zip(lately.shoppers.tolist(), lately.rows.tolist(), strict=True))
        expected = [sum(row == other for _, other in pairs) for row in range(count)]
        assert np.expm1(found.trends[number]) == pytest.approx(expected, abs=1e-4)
    assert len(set(found.hot.tolist())) == len(found.hot)
    assert set(found.hot.tolist()) == set(past.rows.tolist()), "all that anybody chose, as they are few"
    for row in range(count):
        first = past.times_ms[past.rows == row]
        assert found.age_days[row] == pytest.approx((past.newest_ms - first.min()) / DAY_MS if len(first) else 0)


def test_product_of_this_week_is_hot_before_the_best_seller_of_last_year() -> None:
    events = [Did(shopper, 0, 0) for shopper in range(50)]
    events += [Did(100 + shopper, 360, 1) for shopper in range(9)]
    events += [Did(200 + shopper, 340, 2) for shopper in range(10)]
    hot = trends(histories(events), 4).hot.tolist()
    assert set(hot[:2]) == {1, 2}
    assert hot[2:] == [0], "and what nobody chose is not hot at all"


def test_no_events_no_trends() -> None:
    found = trends(histories([]), 3)
    assert (found.trends.shape, found.age_days.tolist(), found.hot.tolist()) == ((4, 3), [0, 0, 0], [])
