"""Products that the shop itself linked: related and up-sell, cross-sell and sets."""

from server.serving.sources.asked import Asked, Linked, by_seeds


def alternatives(asked: Asked) -> Linked | None:
    """Related products and up-sells of each seed."""
    return by_seeds(asked, asked.live.snapshot.alternatives, "curated")


def complements(asked: Asked) -> Linked | None:
    """Cross-sells of each seed, and products sold in a set with it."""
    return by_seeds(asked, asked.live.snapshot.complements, "curated")
