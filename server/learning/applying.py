"""Puts a trained model into a snapshot: its rows become today's rows, and products that came later get their places.

What follows from items and events alone (likeness of words, trends) is worked out anew, so that a build between two
trainings knows today's season.
"""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.events.histories import Histories
from server.learning import cold, index, keeping, kernel, pictures, trends
from server.learning.keeping import Kept
from server.learning.linear import KEPT
from server.serving import arrays, learned, pairs, tower
from server.serving.candidates import NEAR_WORDS
from server.serving.learned import LearnedFacts
from server.serving.nearest import Index
from server.serving.pairs import Lists


def apply(
    folder: Path,
    model: Path,
    group_ids: list[str],
    texts: list[str],
    content: NDArray[np.float32],
    past: Histories,
    exposure: float | None = None,
    images: NDArray[np.float32] | None = None,
) -> str:
    """Write the learned arrays into the snapshot's folder; gives the name of the stack.

    `texts`, `content` (n, t) and `images` (n, v): of today's products, as in training. `exposure`: the share of places
    that new products shall have, None for their share of the catalog.

    Raises:
        UnusableModel: the trained model cannot be used.

    """
    kept = keeping.read(model)
    taught_row = {group_id: row for row, group_id in enumerate(kept.group_ids)}
    taught_rows = np.array([taught_row.get(group_id, -1) for group_id in group_ids], dtype=np.int32)
    alike = kernel.neighbours(kernel.term_weights(texts), NEAR_WORDS)
    pairs.write(folder, "words", alike)
    if kept.facts.settings.image and images is not None and images.shape[1] and (taught_rows < 0).any():
        looks = pictures.neighbours(images, NEAR_WORDS)
        alike = pictures.joined(alike, looks, kept.facts.settings.text, kept.facts.settings.image, 2 * NEAR_WORDS)
    to = cold.places(taught_rows, len(kept.group_ids), alike)
    dial = cold.dial_for(kept.discover, to, exposure, KEPT)
    _write_lists(folder, "linear", kept.discover, to, dial)
    if kept.again is not None:
        _write_lists(folder, "again", kept.again, to, dial)
    lately = trends.trends(past, len(group_ids))
    arrays.write(folder, "trends", lately.trends)
    arrays.write(folder, "age_days", lately.age_days)
    arrays.write(folder, "hot", lately.hot)
    found = _write_towers(folder, kept, taught_rows, content) if kept.facts.towers else None
    for again, trees in kept.rankers.items():
        trees.write(folder, learned.RANKERS[again])
    facts = LearnedFacts(
        stack=kept.facts.stack,
        asking=kept.facts.asking,
        again=kept.again is not None,
        towers=found,
        rankers=tuple(kept.rankers),
    )
    (folder / learned.FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1))
    return facts.stack


def _write_lists(folder: Path, name: str, lists: Lists, to: cold.Places, dial: float) -> None:
    pairs.write(folder, name, cold.carried_over(lists, to, dial, KEPT))


def _write_towers(
    folder: Path, kept: Kept, taught_rows: NDArray[np.int32], content: NDArray[np.float32]
) -> Index | None:
    """The item vectors of today's products and their index."""
    known = taught_rows >= 0
    items = np.zeros((len(taught_rows), kept.items.shape[1]), dtype=np.float32)
    items[known] = kept.items[taught_rows[known]]
    if not known.all():
        items[~known] = tower.item_vectors(kept.weights, content[~known])
    arrays.write(folder, "towers", items)
    tower.write(folder, kept.weights)
    return index.build(folder, items, name=learned.TOWERS_INDEX, filtered=False)
