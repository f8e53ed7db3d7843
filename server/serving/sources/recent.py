"""What the shopper looked at lately, for placements that bring it back."""

import numpy as np

from server.serving.sources.asked import Asked, Candidates


def looked_at(asked: Asked) -> Candidates | None:
    """The shopper's own recent products."""
    rows = np.array(asked.seeds[asked.given :], dtype=np.int32)
    if not len(rows):
        return None
    weights = np.array(asked.weights[asked.given :], dtype=np.float32)
    return Candidates(rows, weights, "recent", seeds=np.arange(asked.given, len(asked.seeds)))
