"""Teaching the two towers: the same again for the same seed, and something learned at all."""

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from server.events.histories import Histories
from server.learning import tower_batches, tower_table, tower_training
from server.learning.cases import by_shopper, leave_last_out
from server.learning.two_tower import Settings, TwoTower
from tests.learning.shoppers import Did, content, habitual, histories, shops

COUNT = 40
SMALL = Settings(dimensions=16, length=8, layers=2, epochs=4, batch=32, negatives=64)


def taught(past: Histories, settings: Settings = SMALL, **how: object) -> TwoTower:
    return tower_training.train(past, content(COUNT), settings, **how)  # type: ignore[arg-type]


def same(one: TwoTower, other: TwoTower) -> bool:
    equal = [np.array_equal(one.weights[name], other.weights[name]) for name in one.weights]
    return all(equal) and np.array_equal(one.items, other.items)


@pytest.fixture(scope="module")
def past() -> Histories:
    return habitual(COUNT)


@pytest.mark.slow
def test_same_seed_gives_the_same_towers_whatever_was_drawn_before(past: Histories) -> None:
    first = taught(past)
    torch.rand(7)
    np.random.default_rng().random(3)
    assert same(first, taught(past))
    assert not same(first, taught(past, msgspec.structs.replace(SMALL, seed=SMALL.seed + 1)))


def test_training_leaves_the_chance_of_others_alone(past: Histories) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    taught(past.take(np.arange(100)))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 3])
def test_towers_find_what_habits_lead_to(lines: int) -> None:
    """A guess of ten among forty is right in a quarter of the cases."""
    past = habitual(COUNT, shoppers=400, length=9, lines=lines)
    train, (validation,) = leave_last_out(past, places=1)
    found = taught(train, msgspec.structs.replace(SMALL, epochs=14), validation=validation)
    assert found.quality > 0.35
    lengths = np.linalg.norm(found.items, axis=1)
    assert lengths == pytest.approx(np.ones(COUNT), abs=1e-5)


def test_progress_can_stop_the_training(past: Histories) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise EnoughError(total)

    with pytest.raises(EnoughError):
        taught(past, progress=stop)


@pytest.mark.parametrize("events", [[], [Did(0, 0, 5)], [Did(0, 0, 5), Did(0, 0, 6)], [Did(0, n, 5) for n in range(9)]])
def test_histories_that_teach_nothing_are_no_error(events: list[Did]) -> None:
    """Nobody came, nobody came back, or the same product is all there is."""
    found = taught(histories(events))
    assert np.isfinite(found.items).all()
    assert all(np.isfinite(values).all() for values in found.weights.values())


@examples(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True), min_size=1, max_size=30),
    st.integers(0, 300),
)
def test_rows_of_a_table_end_where_adam_over_the_whole_table_puts_them(read: list[list[int]], idle: int) -> None:
    """Also those that were read once, long ago, and never."""
    torch.manual_seed(3)
    read = [*read[:5], *([[0]] * idle), *read[5:]]
    start, count = torch.randn(9, 4), len(read)
    whole = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([whole], betas=(0.9, 0.98))
    table = tower_table.Table(start.clone(), count)
    for step, rows in enumerate(read):
        rate = 0.01 * (1 - step / count)
        chosen, gradients = torch.tensor(rows), torch.randn(len(rows), 4)
        assert torch.allclose(table.read(chosen), whole[chosen], atol=1e-4)
        whole.grad = torch.zeros(9, 4).index_add(0, chosen, gradients)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        table.teach(chosen, gradients, rate)
    assert torch.allclose(table.vectors(slice(None)), whole, atol=1e-4)


@examples(deadline=None, max_examples=100)
@given(shops(most_events=120), st.integers(2, 12))
def test_every_moment_but_a_shoppers_first_is_taught_once(shop: tuple[Histories, int], length: int) -> None:
    past, _ = shop
    cut = tower_batches.windows(past, length)
    taught_events: list[tuple[int, int]] = []
    for start, stop, begin in zip(cut.starts, cut.stops, cut.taught, strict=True):
        later = np.arange(begin, stop)
        later = later[cut.moments[later] > cut.moments[start]]
        taught_events += [(int(cut.moments[at]), int(cut.rows[at])) for at in later]
    expected = sum(
        int((past.times_ms[positions] > past.times_ms[positions[0]]).sum()) for _, positions in by_shopper(past)
    )
    assert len(taught_events) == expected


@examples(deadline=None, max_examples=60)
@given(shops(most_events=120), st.integers(2, 12), st.integers(1, 9))
def test_batches_ask_only_by_what_came_before(shop: tuple[Histories, int], length: int, size: int) -> None:
    past, count = shop
    cut = tower_batches.windows(past, length)
    if not len(cut) or count < 3:
        return
    shares = np.bincount(past.rows, minlength=count) / len(past)
    settings = Settings(batch=size, negatives=5)
    for batch in tower_batches.Sampler(cut, shares, settings, seed=1).epoch(size, 2):
        inputs = batch.inputs
        assert len(set(batch.items.tolist())) == len(batch.items)
        assert np.isfinite(batch.log_chances).all()
        assert (batch.log_chances <= 0).all()
        assert batch.pair_queries.max() < inputs.asked == len(set(inputs.queries.tolist()))
        assert batch.pair_candidates.max() < len(batch.log_chances)
        flat = inputs.moments.ravel()
        assert inputs.real.ravel()[inputs.events].all()
        for query in range(inputs.asked):
            assert len(set(flat[inputs.events[inputs.queries == query]].tolist())) == 1, "one moment"
