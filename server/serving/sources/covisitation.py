"""Products that the same shoppers chose: bought in one basket or by one shopper, or looked at in one visit."""

from server.serving.sources.asked import Asked, Linked, by_seeds


def bought_together(asked: Asked) -> Linked | None:
    """What was bought with each seed."""
    return by_seeds(asked, asked.live.snapshot.bought, "bought-together")


def viewed_together(asked: Asked) -> Linked | None:
    """What was looked at in the same visits as each seed."""
    return by_seeds(asked, asked.live.snapshot.viewed, "viewed-together")
