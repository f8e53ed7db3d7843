"""`reindex`: learn anew from the shop's items, vectors and events, without encoding anything."""

from typing import Any

from server.learning.build import build
from server.tasks.run import TaskRun

STAGES = {
    "Reading products": 2.0,
    "Reading events": 4.0,
    "Learning from events": 3.0,
    "Indexing": 0.5,
    "Finding similar products": 2.0,
    "Applying the trained model": 2.0,
    "Writing the snapshot": 0.5,
}


async def run(run: TaskRun) -> dict[str, Any]:
    """Build the next snapshot and make it live."""
    version = await build(run.shop, run.settings, run)
    return {"model_version": f"m_{version.number}", **version.metrics}
