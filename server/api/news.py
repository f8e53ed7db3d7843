"""Wakes those who wait for news of a task: a stream listens here until a "task-changed" message names its task."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class News:
    """Wakes by task id. Carries no content: whoever wakes reads the row."""

    def __init__(self) -> None:
        self._listening: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.closed = False

    def task_changed(self, task_id: str) -> None:
        """Wake everyone who listens to that task."""
        for event in self._listening.get(task_id, ()):
            event.set()

    def close(self) -> None:
        """Wake everyone to say goodbye: the process is about to end."""
        self.closed = True
        for events in self._listening.values():
            for event in events:
                event.set()

    @contextmanager
    def of_task(self, task_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at each change of the task; clear it before reading the row, then nothing is missed."""
        event = asyncio.Event()
        self._listening[task_id].add(event)
        try:
            yield event
        finally:
            self._listening[task_id].discard(event)
            if not self._listening[task_id]:
                del self._listening[task_id]
