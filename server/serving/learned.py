"""What a training left for serving: the linear model's rows, the two towers, trends and the reranker.

Every part but the linear one may be missing: a shop gets the largest stack that its own data supports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.serving import arrays, tower
from server.serving.native import ffi, pointer
from server.serving.nearest import Index, Nearest
from server.serving.pairs import Pairs
from server.serving.tower import ShopperTower
from server.serving.trees import Trees

TREND_DAYS = (7, 30, 90)
_SAMPLED = 2_000
FACTS = "learned.json"
TOWERS_INDEX = "towers.faiss"
_POINTED = ("trends", "age_days", "price", "category", "brand", "hot")  # arrays that `native` reads
RANKERS = {False: "ranker", True: "ranker_again"}  # by whether known products may come


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How the models are asked, as the shop's own validation events chose.

    `fading`: moments after which a past choice counts 1/e; `again`: whether shoppers here buy the same thing again.
    """

    fading: float = 2.5
    again: bool = False


class LearnedFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Which learned parts a snapshot holds. `towers`: how their vectors are searched."""

    stack: str
    asking: Asking
    again: bool = False
    towers: Index | None = None
    rankers: tuple[bool, ...] = ()


@dataclass(slots=True)
class Learned:
    """The learned arrays of one snapshot, (n,) by row unless said otherwise."""

    asking: Asking
    linear: Pairs  # what comes next or is chosen too
    again: Pairs | None  # the same with its diagonal: what is chosen once more
    words: Pairs  # whose text is alike, word for word
    bought: Pairs  # co-purchase
    trends: NDArray[np.float32]  # (4, n) log(1 + shoppers): of all time, of the last 7, 30 and 90 days
    age_days: NDArray[np.float32]  # since the first event, of the newest event's time
    category: NDArray[np.int32]  # -1: none
    brand: NDArray[np.int32]  # -1: none
    price: NDArray[np.float32]  # NaN: unknown
    hot: NDArray[np.int32]  # (h,) rows that are popular right now, best first
    of_category: tuple[Sequence[int], NDArray[np.int32]]  # starts, and rows by category, most popular first
    items: NDArray[np.float32]  # (n, d) the item tower's vectors, unit norm; d may be 0
    tower: ShopperTower | None
    near: Nearest | None  # searches `items`
    rankers: Mapping[bool, Trees] = field(default_factory=dict[bool, Trees])  # by whether known products may come
    typical_link: np.float32 = field(init=False)  # the best entry of a typical product's linear row
    native: Any = field(init=False)  # the `Models` of `native/interface.h`

    def __post_init__(self) -> None:
        """See how large links are here, and where everything lies."""
        count = len(self.category)
        sample = np.arange(0, count, max(1, count // _SAMPLED), dtype=np.intp)
        _, best = self.linear.of(sample, 1)
        best = best[best > 0]
        self.typical_link = np.float32(np.quantile(best, 0.8)) if len(best) else np.float32(1)
        pairs = {"linear": self.linear, "again": self.again, "words": self.words, "bought": self.bought}
        tables = {name: one.address for name, one in pairs.items() if one is not None}
        widths = {f"{name}_width": one.width for name, one in pairs.items() if one is not None}
        counts = {"hot_count": len(self.hot), "product_count": count}
        self.native = ffi.new("Models *", tables | widths | counts | {n: pointer(getattr(self, n)) for n in _POINTED})

    @classmethod
    def read(cls, folder: Path, **of_snapshot: Any) -> "Learned | None":
        """Map the learned parts of a snapshot; None where there are none. `of_snapshot`: arrays it has anyway."""
        if not (folder / FACTS).exists():
            return None
        facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=LearnedFacts)
        count = len(of_snapshot["category"])
        return cls(
            asking=facts.asking,
            linear=Pairs.read(folder, "linear"),
            again=Pairs.read(folder, "again") if facts.again else None,
            words=Pairs.read(folder, "words"),
            trends=arrays.read(folder, "trends"),
            age_days=arrays.read(folder, "age_days"),
            hot=arrays.read(folder, "hot"),
            items=arrays.read(folder, "towers") if facts.towers else np.zeros((count, 0), dtype=np.float32),
            tower=ShopperTower(tower.read(folder)) if facts.towers else None,
            near=Nearest.open(folder / TOWERS_INDEX, facts.towers) if facts.towers else None,
            rankers={again: Trees.read(folder, RANKERS[again]) for again in facts.rankers},
            **of_snapshot,
        )
