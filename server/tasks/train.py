"""`train`: learn a new model of the shop, judge it, and put it live if it is better."""

import resource
from typing import Any

from server.learning import train
from server.tasks import reindex, schedule
from server.tasks.run import TaskRun

# an accepted model ends as the next snapshot, whose making reads products and events once more
_BUILDING = {name: weight for name, weight in reindex.STAGES.items() if not name.startswith("Reading")}
STAGES = {name: weight for name, weight in train.STAGES.items() if name not in _BUILDING} | _BUILDING


async def run(run: TaskRun) -> dict[str, Any]:
    """Train with `seed` of the parameters; the result is the verdict, with the process's peak memory in megabytes."""
    newest_event = await schedule.newest_event(run.shop)
    result = await train.train(run.shop, run.settings, run, int(run.params.get("seed") or 0))
    return result | {"newest_event": newest_event, "peak_mb": _peak_mb()}


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 1_000_000
