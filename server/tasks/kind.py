"""What the queue and the worker need to know of one kind of task."""

from dataclasses import dataclass
from typing import Literal

from server.settings import Settings

Lane = Literal["short", "long"]
LANES: tuple[Lane, ...] = ("short", "long")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of task.

    `module` holds its `run`. Of the tasks of a shop that have the same `writes`, one runs at a time. A task is short
    when its size (bytes of a file, number of items or events) is known and below `short_below`. `trains`: it computes
    with many threads, if it may; see `training_environment`.
    """

    module: str
    writes: str
    short_below: int
    niceness: int = 19  # the API's processes go first
    time_limit_s: float = 6 * 3600
    trains: bool = False

    def lane(self, size_hint: int | None) -> Lane:
        """The lane in which a task of this size waits; one of unknown size counts as long."""
        return "short" if size_hint is not None and size_hint < self.short_below else "long"

    def environment(self, settings: Settings) -> dict[str, str]:
        """What the child's environment has besides the worker's own."""
        return training_environment(settings) if self.trains else {}


def training_environment(settings: Settings) -> dict[str, str]:
    """Variables that bound the pools of numerical libraries. They are read while a library is being loaded: set them
    before the process starts, or before the first of these is imported.
    """
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(pools, str(settings.threads_of_training)) | {
        "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads sleep; spinning ones take the cores from shoppers' requests
        "PYTHONHASHSEED": "0",  # the order of sets of text is the same each time, and with it the model
    }
