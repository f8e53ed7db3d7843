"""A Redis server that a test may stop and start, and the workers of tests/tasks."""

from collections.abc import Iterator

import pytest

from tests.own_redis import OwnRedis, running
from tests.tasks.conftest import notes, queue, start_worker, trial_kinds

__all__ = ["notes", "queue", "start_worker", "trial_kinds"]


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    with running(tmp_path_factory.mktemp("own")) as server:
        yield server
