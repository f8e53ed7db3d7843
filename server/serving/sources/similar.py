"""Products whose text and image are alike: neighbours worked out beforehand, the index where these are too few."""

import numpy as np
from numpy.typing import NDArray

from server.serving.sources.asked import Asked, Candidates, Linked, by_seeds


def by_content(asked: Asked) -> Linked | None:
    """The neighbours of each seed."""
    return by_seeds(asked, asked.live.snapshot.similar, "similar")


def deeper(asked: Asked, allowed: NDArray[np.bool_], most: int) -> Candidates | None:
    """A search through all `allowed` (n,) products, for when filters leave too few of the neighbours."""
    snapshot = asked.live.snapshot
    if not asked.seeds or snapshot.manifest.index is None:
        return None
    vectors = snapshot.vectors[asked.seeds]  # (s, d)
    query = np.array(asked.weights, dtype=np.float32) @ vectors  # (d,)
    length = float(np.linalg.norm(query))
    if length == 0.0:
        return None
    rows, scores = snapshot.nearest(query / np.float32(length), most, allowed)
    if not len(rows):
        return None
    # the seed that is nearest to each found product is the one to name
    nearest_seed = (snapshot.vectors[rows] @ vectors.T).argmax(axis=1)
    return Candidates(rows.astype(np.int32), sharpened(scores), "similar", seeds=nearest_seed)


def sharpened(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of cosines: in a catalog of one kind of goods plain cosines all lie close together."""
    return np.maximum(cosines, np.float32(0)) ** 3
