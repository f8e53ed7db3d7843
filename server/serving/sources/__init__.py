"""Candidate sources: one retrieval method a file, its line here. Those of trained models say nothing without one.

A source is a function from `Asked` to what it found, or None where it has nothing to say.
"""

from collections.abc import Callable, Mapping

from server.serving.sources import covisitation, curated, linear, popular, ranked, recent, similar
from server.serving.sources.asked import Asked, Found

Source = Callable[[Asked], Found | None]

SOURCES: Mapping[str, Source] = {
    "similar": similar.by_content,
    "bought": covisitation.bought_together,
    "viewed": covisitation.viewed_together,
    "alternatives": curated.alternatives,
    "complements": curated.complements,
    "popular": popular.in_shop,
    "in_category": popular.in_category,
    "recent": recent.looked_at,
    "linear": linear.goes_with,
    "ranked": ranked.by_both_stages,
}
