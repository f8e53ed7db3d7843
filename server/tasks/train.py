"""`train`: learn a new model of the shop, judge it, and put it live if it is better."""

import resource
from typing import Any

from server.learning import train
from server.learning.train import STAGES as STAGES
from server.tasks.run import TaskRun


async def run(run: TaskRun) -> dict[str, Any]:
    """Train with `seed` of the parameters; the result is the verdict, with the process's peak memory in megabytes."""
    result = await train.train(run.shop, run.settings, run, int(run.params.get("seed") or 0))
    return result | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000}
