"""Reviews that the demo's data brings along for Luma's products."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).parent / "data" / "luma" / "reviews.csv"


@dataclass(frozen=True, slots=True)
class Review:
    """What one customer thought; `rating` is 1 to 5."""

    rating: int
    title: str
    text: str


def reviews_of(slug: str, group_id: str) -> list[Review]:
    """The reviews of one product of one demo shop, best first."""
    return _luma().get(group_id, []) if slug == "luma" else []


@lru_cache(maxsize=1)
def _luma() -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = defaultdict(list)
    with _FILE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["sku"]].append(Review(int(row["rating"]), row["title"].strip(), row["review"].strip()))
    return {sku: sorted(reviews, key=lambda review: -review.rating) for sku, reviews in found.items()}
