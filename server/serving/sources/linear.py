"""What the linear model says goes with each seed: chosen with it, chosen after it, or worded alike."""

import numpy as np

from server.serving.sources.asked import Asked, Candidates, by_seeds


def goes_with(asked: Asked) -> Candidates | None:
    """The strongest entries of each seed's row."""
    learned = asked.live.snapshot.learned
    if learned is None:
        return None
    found = by_seeds(asked, learned.linear, "linear")
    if found is None:
        return None
    # like other sources: the best neighbour of a typical product brings about 1
    return found._replace(scores=np.minimum(found.scores / learned.typical_link, np.float32(1.5)))
