"""A shop that gets all stages, trained in memory."""

import numpy as np

from server.events.histories import Histories
from server.learning import pipeline
from server.learning.cases import Cases, leave_last_out
from server.learning.goods import Goods
from server.learning.keeping import Facts
from server.learning.pipeline import Options, Trained
from server.serving.learned import Learned
from tests.learning.shoppers import content, habitual, texts

COUNT = 60


def goods(count: int = COUNT) -> Goods:
    """Products whose category is half of their habit."""
    rows = np.arange(count)
    return Goods(
        texts=texts(count),
        content=content(count),
        images=np.zeros((count, 0), dtype=np.float32),
        category=(rows % 2).astype(np.int32),
        brand=np.full(count, -1, dtype=np.int32),
        price=(5 + rows).astype(np.float32),
    )


def cut(shoppers: int = 500) -> tuple[Histories, Cases, Cases]:
    """What is taught, what validates and what judges."""
    train, (validation, test) = leave_last_out(habitual(COUNT, shoppers=shoppers, length=6))
    return train, validation, test


def fitted(seed: int = 0, *, towers: bool = True, shoppers: int = 500, threads: int = 1) -> tuple[Trained, Learned]:
    """The whole pipeline but for the search for settings."""
    train, validation, _ = cut(shoppers)
    options = Options(seed=seed, tuned=False, towers=towers, threads=threads)
    return pipeline.fit(train, validation, train, goods(), options)


def facts_of(trained: Trained) -> Facts:
    """As a training writes them."""
    return Facts(
        stack=trained.stack,
        asking=trained.asking,
        settings=trained.settings,
        towers=trained.towers is not None,
        rankers=tuple(trained.rerankers),
    )
