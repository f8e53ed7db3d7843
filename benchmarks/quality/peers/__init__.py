"""What the product is measured against: well-known ways to recommend, one a file, each fitted on the same events.

A peer is a function `fit(split, seed) -> list[Scorer]`, in a module that is loaded only where it is fitted, so that
each has its memory to itself. Its own settings are fixed in its file or chosen on the split's validation cases.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.quality.splits import Split
from server.learning.evaluation import Scorer


class Peer(NamedTuple):
    """Where a model is, and whether chance has a part in it, so that it is fitted once for each seed."""

    module: str
    by_chance: bool = False


PEERS = {
    "popularity": Peer("popularity"),
    "own": Peer("own"),
    "item-knn": Peer("item_knn"),
    "ease": Peer("ease"),
    "als": Peer("als", by_chance=True),
    "bpr": Peer("bpr", by_chance=True),
    "content": Peer("content"),
    "tf-idf": Peer("tf_idf"),
}


def load(name: str) -> Callable[[Split, int], list[Scorer]]:
    """The function that fits a peer."""
    return importlib.import_module(f"{__name__}.{PEERS[name].module}").fit
