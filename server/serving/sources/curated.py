"""Products that the shop itself linked: related and up-sell, cross-sell and sets."""

from server.serving.sources.asked import Asked, Candidates, by_seeds


def alternatives(asked: Asked) -> Candidates | None:
    """Related products and up-sells of each seed."""
    return by_seeds(asked, asked.live.snapshot.alternatives, "curated")


def complements(asked: Asked) -> Candidates | None:
    """Cross-sells of each seed, and products sold in a set with it."""
    return by_seeds(asked, asked.live.snapshot.complements, "curated")
