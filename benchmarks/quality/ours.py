"""The product's own stack, as a shop's training runs it."""

import importlib
from typing import Any

from benchmarks.quality.splits import Split
from server.learning.evaluation import Scorer


class NotThere(ImportError):  # noqa: N818 - reads as what happened
    """The pipeline is not part of this installation."""


def fit(split: Split, seed: int) -> list[Scorer]:
    """Train all stages that the shop's data supports."""
    try:
        pipeline: Any = importlib.import_module("server.learning.pipeline")
    except ModuleNotFoundError as error:
        raise NotThere(f"ours: {error}") from None
    return pipeline.fit(split.train, split.validation, split.products, seed).scorers()
