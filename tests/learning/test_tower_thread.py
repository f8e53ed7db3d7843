"""Towers beside other work: the same ones, in the order asked for, and stopped when nobody wants them."""

import time

import numpy as np

from server.learning.cases import leave_last_out
from server.learning.tower_thread import TowerThread
from server.learning.two_tower import Settings
from tests.learning.shoppers import content, habitual

COUNT = 60


def test_towers_taught_beside_are_those_taught_alone() -> None:
    train, (validation, _) = leave_last_out(habitual(COUNT, shoppers=200, length=6))
    taught = {}
    for beside in (False, True):
        with TowerThread(content(COUNT), Settings(epochs=2), lambda *_: None, beside=beside) as towers:
            waits = [towers.begin(train, validation), towers.begin(train, None)]
            taught[beside] = [wait() for wait in waits]
    for alone, other in zip(taught[False], taught[True], strict=True):
        assert np.array_equal(alone.items, other.items)


def test_progress_is_told_while_somebody_waits() -> None:
    train, _ = leave_last_out(habitual(COUNT, shoppers=200, length=6))
    told: list[tuple[int, int]] = []
    with TowerThread(content(COUNT), Settings(epochs=4), lambda *of: told.append(of), beside=True) as towers:
        wait = towers.begin(train, None)
        assert not told
        wait()
    assert told
    assert told[-1][0] == told[-1][1]


def test_leaving_stops_what_nobody_waits_for() -> None:
    train, _ = leave_last_out(habitual(COUNT, shoppers=200, length=6))
    began = time.monotonic()
    with TowerThread(content(COUNT), Settings(epochs=10_000), lambda *_: None, beside=True) as towers:
        towers.begin(train, None)
        towers.begin(train, None)
    assert time.monotonic() - began < 20  # ten thousand epochs take an hour
