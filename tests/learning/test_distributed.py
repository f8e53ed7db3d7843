"""Two processes that teach the same towers: equal weights, as good as those of one; and they leave when told to."""

import multiprocessing
import os
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from torch import distributed as group

from server.events.histories import Histories
from server.learning import distributed, tower_job, tower_peers, tower_training
from server.learning.cases import Cases, leave_last_out
from server.learning.two_tower import Settings, TwoTower
from tests.learning.shoppers import content, habitual

COUNT = 40
SMALL = Settings(dimensions=16, length=8, layers=2, epochs=14, batch=32, negatives=64)


@pytest.fixture(scope="module")
def shop() -> tuple[Histories, Cases]:
    past, (validation,) = leave_last_out(habitual(COUNT, shoppers=400, length=9), places=1)
    return past, validation


def assert_same(one: TwoTower, other: TwoTower) -> None:
    assert np.array_equal(one.items, other.items)
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert (one.temperature, one.quality) == (other.temperature, other.quality)


def teach_as(rank: int, meeting: str, folder: str, shoppers: int) -> None:
    """One process of two; leaves its towers in a folder of its own."""
    group.init_process_group("gloo", f"file://{meeting}", timedelta(seconds=60), world_size=2, rank=rank)
    past, (validation,) = leave_last_out(habitual(COUNT, shoppers=shoppers), places=1)
    settings = msgspec.structs.replace(SMALL, epochs=4)
    towers = tower_training.train(past, content(COUNT), settings, validation)
    tower_job.write_towers(Path(folder) / str(rank), towers)
    tower_peers.leave()


@pytest.mark.slow
@pytest.mark.parametrize("shoppers", [200, 1])
def test_all_processes_end_with_equal_weights(tmp_path: Path, shoppers: int) -> None:
    """Also where windows are fewer than a step takes, or than there are processes."""
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=teach_as, args=(rank, str(tmp_path / "meeting"), str(tmp_path), shoppers))
        for rank in (0, 1)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert_same(*(tower_job.read_towers(tmp_path / str(rank)) for rank in (0, 1)))


@pytest.mark.slow
def test_two_processes_teach_as_well_as_one(shop: tuple[Histories, Cases]) -> None:
    past, validation = shop
    one = tower_training.train(past, content(COUNT), SMALL, validation)
    told: list[tuple[int, int]] = []
    two = distributed.train(past, content(COUNT), SMALL, validation, lambda *of: told.append(of))
    assert two.quality > 0.9 * one.quality > 0.3
    assert told[-1][0] == told[-1][1]


@pytest.mark.slow
def test_processes_leave_when_progress_raises(shop: tuple[Histories, Cases]) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise EnoughError

    started = msgspec.structs.replace(SMALL, epochs=100_000)
    with pytest.raises(EnoughError):
        distributed.train(shop[0], content(COUNT), started, progress=stop)
    assert not [line for line in os.popen("ps -eo args").read().splitlines() if "server.learning.distributed" in line]


@pytest.mark.slow
def test_error_of_a_process_is_told(shop: tuple[Histories, Cases]) -> None:
    with pytest.raises(distributed.LostProcess, match="heads"):
        distributed.train(shop[0], content(COUNT), msgspec.structs.replace(SMALL, heads=3))


def test_job_comes_back_from_files_as_it_was(shop: tuple[Histories, Cases], tmp_path: Path) -> None:
    past, validation = shop
    tower_job.write(tmp_path, tower_job.Job(past, content(COUNT), SMALL, validation))
    read = tower_job.read(tmp_path)
    assert read.settings == SMALL
    assert np.array_equal(read.content, content(COUNT))
    assert np.array_equal(read.histories.times_ms, past.times_ms)
    assert read.validation is not None
    assert np.array_equal(read.validation.shoppers, validation.shoppers)
    for found, given in zip(read.validation.pasts, validation.pasts, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(found, given, strict=True))
    for lists in ("known", "targets"):
        for one, other in zip(getattr(read.validation, lists), getattr(validation, lists), strict=True):
            assert np.array_equal(one, other)
