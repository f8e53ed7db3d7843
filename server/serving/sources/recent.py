"""What the shopper looked at lately, for placements that bring it back."""

import numpy as np

from server.serving.sources.asked import Asked, Candidates


def looked_at(asked: Asked) -> Candidates | None:
    """The shopper's own recent products."""
    own = asked.rows[asked.given :]
    if not len(own):
        return None
    positions = np.arange(asked.given, len(asked.seeds))
    return Candidates(own.astype(np.int32), asked.weights[asked.given :], "recent", seeds=positions)
