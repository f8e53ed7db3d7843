"""What many shoppers chose lately, in the whole shop and in the category that this request is about."""

from server.serving.sources.asked import Asked, Candidates

MOST = 64  # of a category


def in_shop(asked: Asked) -> Candidates | None:
    """The most popular products."""
    rows, scores = asked.live.snapshot.most_popular
    return Candidates(rows, scores, "popular") if len(rows) else None


def in_category(asked: Asked) -> Candidates | None:
    """The most popular products of the category asked for, else of the strongest seed's."""
    category = category_of(asked)
    if category < 0:
        return None
    snapshot = asked.live.snapshot
    rows = snapshot.rows_of_category(category)[:MOST]
    scores = snapshot.popularity[rows]
    if not len(rows) or scores[0] <= 0:
        return None  # nothing happened yet: there is no popularity to go by
    return Candidates(rows, scores, "popular-in-category")


def category_of(asked: Asked) -> int:
    """The category that the request is about; -1 when there is none."""
    if asked.category >= 0 or not asked.seeds:
        return asked.category
    return int(asked.live.snapshot.category[asked.seeds[0]])
