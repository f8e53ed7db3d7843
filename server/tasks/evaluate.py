"""`evaluate`: what a training would give now, on events that it is not taught. Nothing goes live."""

from typing import Any

from server.learning import train
from server.learning.train import STAGES as STAGES
from server.tasks.run import TaskRun


async def run(run: TaskRun) -> dict[str, Any]:
    """Evaluate with `seed` of the parameters; the result is the verdict."""
    return await train.evaluate(run.shop, run.settings, run, int(run.params.get("seed") or 0))
