"""What the linear model says goes with each seed: chosen with it, chosen after it, or worded alike."""

from server.serving.sources.asked import Asked, Linked, by_seeds

_HIGHEST = 1.5


def goes_with(asked: Asked) -> Linked | None:
    """The strongest entries of each seed's row."""
    learned = asked.live.snapshot.learned
    if learned is None:
        return None
    found = by_seeds(asked, learned.linear, "linear")
    # like other sources: the best neighbour of a typical product brings about 1
    return found and found._replace(scale=1 / float(learned.typical_link), highest=_HIGHEST)
