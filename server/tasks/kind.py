"""What the queue and the worker need to know of one kind of task."""

from dataclasses import dataclass
from typing import Literal

Lane = Literal["short", "long"]
LANES: tuple[Lane, ...] = ("short", "long")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of task.

    `module` holds its `run`. Of the tasks of a shop that have the same `writes`, one runs at a time. A task is short
    when its size (bytes of a file, number of items or events) is known and below `short_below`.
    """

    module: str
    writes: str
    short_below: int
    niceness: int = 19  # the API's processes go first
    time_limit_s: float = 6 * 3600

    def lane(self, size_hint: int | None) -> Lane:
        """The lane in which a task of this size waits; one of unknown size counts as long."""
        return "short" if size_hint is not None and size_hint < self.short_below else "long"
