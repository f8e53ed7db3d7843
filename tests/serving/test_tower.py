"""The shopper tower without torch: what torch says, to the fourth decimal, for any past."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from server.events.histories import MOST, NO_PAST, WEIGHTS, Past
from server.learning import tower_batches, tower_training
from server.learning.two_tower import Settings, Towers, TwoTower
from server.serving import tower
from server.serving.tower import ShopperTower
from tests.learning.shoppers import content, habitual

pytestmark = pytest.mark.slow
COUNT = 40
SMALL = Settings(dimensions=16, length=8, layers=2, epochs=4, batch=32, negatives=64)

# How many events each moment of a past has, newest first, and each event's product and kind.
EVENT = st.tuples(st.integers(0, COUNT - 1), st.sampled_from(list(WEIGHTS)))
PASTS = st.lists(st.lists(EVENT, min_size=1, max_size=6), min_size=1, max_size=30)
SINGLE = st.lists(st.lists(EVENT, min_size=1, max_size=1), min_size=1, max_size=MOST)


@pytest.fixture(scope="module", params=[1, 3], ids=["one by one", "baskets"])
def trained(request: pytest.FixtureRequest) -> TwoTower:
    """Towers of a shop where products are taken one by one, and of one where several are at once."""
    return tower_training.train(habitual(COUNT, length=9, lines=request.param), content(COUNT), SMALL)


def past_of(moments: list[list[tuple[int, str]]]) -> Past:
    events = [(row, kind, number) for number, moment in enumerate(moments) for row, kind in moment][:MOST][::-1]
    return Past(
        np.array([row for row, _, _ in events], dtype=np.int32),
        np.array([number for _, _, number in events], dtype=np.int32),
        np.array([WEIGHTS[kind] for _, kind, _ in events], dtype=np.float32),
        np.array([kind == "purchase" for _, kind, _ in events], dtype=np.bool_),
        -np.array([number for _, _, number in events], dtype=np.int64),
    )


def by_torch(trained: TwoTower, pasts: list[Past]) -> np.ndarray:
    towers = Towers(content(COUNT).shape[1], SMALL)
    towers.take(trained.weights)
    towers.eval()
    sequences = tower_batches.sequences_of(pasts, int(trained.weights["length"][0]))
    inputs = tower_batches.newest(sequences, np.arange(len(pasts)))
    with torch.inference_mode():
        return towers.shoppers(torch.from_numpy(trained.items), inputs).numpy()


@settings(deadline=None, max_examples=80)
@given(moments=st.one_of(PASTS, SINGLE))
def test_vectors_are_those_of_torch(trained: TwoTower, moments: list[list[tuple[int, str]]]) -> None:
    past = past_of(moments)
    found = ShopperTower(trained.weights).vector(past, trained.items)
    assert found == pytest.approx(by_torch(trained, [past])[0], abs=1e-4)
    assert float(np.linalg.norm(found)) == pytest.approx(1, abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(some=st.lists(PASTS, min_size=2, max_size=6))
def test_padding_beside_longer_pasts_changes_nothing(trained: TwoTower, some: list) -> None:
    pasts = [past_of(moments) for moments in some]
    shopper = ShopperTower(trained.weights)
    found = np.stack([shopper.vector(past, trained.items) for past in pasts])
    assert found == pytest.approx(by_torch(trained, pasts), abs=1e-4)


def test_order_within_one_moment_does_not_matter(trained: TwoTower) -> None:
    basket = [(3, "purchase"), (9, "purchase"), (21, "purchase")]
    shopper = ShopperTower(trained.weights)
    one, other = (
        shopper.vector(past_of([moment, [(5, "view_item")]]), trained.items) for moment in (basket, basket[::-1])
    )
    assert one == pytest.approx(other, abs=1e-5)


def test_new_event_moves_the_vector(trained: TwoTower) -> None:
    shopper, before = ShopperTower(trained.weights), [[(5, "view_item")], [(9, "purchase")]]
    one = shopper.vector(past_of(before), trained.items)
    other = shopper.vector(past_of([[(22, "add_to_cart")], *before]), trained.items)
    assert float(one @ other) < 0.99


def test_empty_past_has_no_direction(trained: TwoTower) -> None:
    assert ShopperTower(trained.weights).vector(NO_PAST, trained.items).tolist() == [0.0] * SMALL.dimensions


def test_weights_come_back_from_files_as_they_were(trained: TwoTower, tmp_path: Path) -> None:
    tower.write(tmp_path, trained.weights)
    read = tower.read(tmp_path)
    assert list(read) == list(trained.weights)
    assert all(np.array_equal(read[name], trained.weights[name]) for name in read)
    past = past_of([[(3, "purchase")], [(4, "view_item")]])
    vectors = [ShopperTower(weights).vector(past, trained.items) for weights in (read, trained.weights)]
    assert np.array_equal(*vectors)


def test_products_without_events_get_the_vector_that_torch_gives_their_content(trained: TwoTower) -> None:
    towers = Towers(content(COUNT).shape[1], SMALL)
    towers.take(trained.weights)
    own = torch.zeros(COUNT, SMALL.dimensions)
    with torch.inference_mode():
        expected = towers.items(own, torch.from_numpy(content(COUNT))).numpy()
    assert tower.item_vectors(trained.weights, content(COUNT)) == pytest.approx(expected, abs=1e-5)
