"""What goes with what, from who chose it."""

import numpy as np

from server.events.histories import Histories
from server.learning import covisitation
from server.learning.covisitation import bought, viewed
from server.serving.pairs import Lists

DAY_MS = 24 * 3600 * 1000


def baskets(*orders: tuple[int, list[int]]) -> Histories:
    """Histories of orders: shopper and rows each."""
    lines = [(shopper, number, row) for number, (shopper, rows) in enumerate(orders) for row in rows]
    shoppers, numbers, rows = (np.array(column, dtype=np.int32) for column in zip(*lines, strict=True))
    weights = np.ones(len(rows), dtype=np.float32)
    return Histories(rows, shoppers, numbers, numbers, weights, numbers.astype(np.int64) * DAY_MS)


def of(lists: Lists, row: int) -> list[int]:
    return lists.rows[lists.starts[row] : lists.starts[row + 1]].tolist()


def test_what_is_bought_together_more_often_comes_first() -> None:
    orders = [(n, [0, 1]) for n in range(8)] + [(10 + n, [0, 2]) for n in range(3)] + [(20, [3, 4])]
    lists = bought(baskets(*orders), 6)
    assert of(lists, 0) == [1, 2]
    assert of(lists, 3) == [4]
    assert of(lists, 5) == []
    assert lists.scores.max() <= 1


def test_same_basket_says_more_than_same_shopper() -> None:
    orders = [(n, [0, 1]) for n in range(5)] + [(n, [2]) for n in range(5)]
    assert of(bought(baskets(*orders), 3), 0) == [1, 2]


def test_best_seller_does_not_go_with_everything() -> None:
    orders = [(n, [0, 10 + n % 5]) for n in range(100)] + [(200 + n, [1, 2]) for n in range(10)]
    orders += [(300 + n, [0, 1]) for n in range(3)]
    assert of(bought(baskets(*orders), 20), 1)[0] == 2


def test_line_that_is_repeated_counts_once() -> None:
    twice = bought(baskets(*[(n, [0, 1, 1, 1]) for n in range(4)], *[(9 + n, [0, 2]) for n in range(5)]), 3)
    assert of(twice, 0) == [2, 1]


def test_huge_group_is_cut_to_its_newest() -> None:
    huge = list(range(1_000))
    lists = bought(baskets((0, huge)), 1_000)
    assert of(lists, 5) == []
    assert len(of(lists, 999)) == covisitation.MOST


def test_steps_give_the_same_as_all_at_once(monkeypatch) -> None:
    random = np.random.default_rng(3)
    orders = [(int(random.integers(30)), random.integers(0, 60, 5).tolist()) for _ in range(200)]
    whole = bought(baskets(*orders), 60)
    monkeypatch.setattr(covisitation, "_WORK_AT_ONCE", 500)
    stepwise = bought(baskets(*orders), 60)
    assert np.array_equal(whole.starts, stepwise.starts)
    assert np.allclose(whole.scores, stepwise.scores)


def test_views_of_one_visit_belong_together_and_purchases_do_not_count_as_views() -> None:
    looks = baskets(*[(n, [0, 1]) for n in range(4)], (9, [2, 3]))
    visits = Histories(
        looks.rows, looks.shoppers, looks.visits, np.full(len(looks), -1, np.int32), looks.weights, looks.times_ms
    )
    assert of(viewed(visits, 4), 0) == [1]
    assert of(bought(visits, 4), 0) == []
    assert of(viewed(looks, 4), 0) == []


def test_no_events_no_pairs() -> None:
    nothing = np.empty(0, dtype=np.int32)
    lists = bought(Histories(nothing, nothing, nothing, nothing, nothing, nothing), 5)
    assert lists.starts.tolist() == [0] * 6
    assert of(viewed(Histories(nothing, nothing, nothing, nothing, nothing, nothing), 0), -1) == []
