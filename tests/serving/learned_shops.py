"""Trained models in memory, put together as training does it, for tests of what serving asks them."""

import numpy as np
from hypothesis import strategies as st

from server.events.histories import MOST, NO_PAST, WEIGHTS, Histories, Past
from server.learning import kernel, linear, tower_training
from server.learning.goods import Goods
from server.learning.pipeline import Trained, put_together
from server.learning.two_tower import Settings
from server.serving.learned import Asking, Learned
from tests.learning.shoppers import BEGIN_MS, DAY_MS, content, habitual, texts

COUNT = 60
TOWERS = Settings(dimensions=16, length=8, epochs=4, batch=32, negatives=64)
NOW_MS = BEGIN_MS + 200 * DAY_MS


def goods(count: int = COUNT) -> Goods:
    """Products of four kinds and five brands; some have no category, brand or price, and one costs nothing."""
    rows = np.arange(count)
    price = (5 + rows).astype(np.float32)
    price[::7], price[1] = np.nan, 0
    return Goods(
        texts=texts(count),
        content=content(count),
        images=np.zeros((count, 0), dtype=np.float32),
        category=np.where(rows % 9, rows % 4, -1).astype(np.int32),
        brand=np.where(rows % 8, rows % 5, -1).astype(np.int32),
        price=price,
    )


def learned_of(past: Histories, count: int = COUNT, *, again: bool = False, towers: bool = False) -> Learned:
    """The first stage, taught by `past`."""
    chosen, those = linear.Settings(), goods(count)
    counted = linear.statistics(past, count, chosen.fading_taught)
    solution = linear.solve(counted, kernel.term_weights(those.texts), chosen, again=again)
    found = tower_training.train(past, those.content, TOWERS) if towers else None
    trained = Trained(Asking(fading=chosen.fading, again=again), chosen, solution, found, {}, {})
    return put_together(trained, past, those)


def stacks() -> dict[str, Learned]:
    """The kinds of first stages that shops get."""
    past = habitual(COUNT)
    nothing = past.take(np.zeros(len(past), dtype=np.bool_))
    return {
        "linear": learned_of(past),
        "with towers": learned_of(past, towers=True),
        "bought again": learned_of(habitual(COUNT, lines=3), again=True),
        "words alone": learned_of(nothing),
    }


@st.composite
def pasts(draw: st.DrawFn, count: int = COUNT) -> Past:
    """What one shopper did: nothing, one thing, or more than is remembered, several at one moment or not."""
    event = st.tuples(st.integers(0, count - 1), st.sampled_from(list(WEIGHTS)), st.sampled_from([0, 1, 7]))
    events = draw(st.lists(event, max_size=MOST))
    if not events:
        return NO_PAST
    rows, kinds, pauses = zip(*events, strict=True)
    days = np.cumsum(pauses)
    numbers = np.cumsum(np.diff(days, prepend=days[0]) != 0)
    return Past(
        np.array(rows, dtype=np.int32),
        (numbers[-1] - numbers).astype(np.int32),
        np.array([WEIGHTS[kind] for kind in kinds], dtype=np.float32),
        np.array([kind == "purchase" for kind in kinds], dtype=np.bool_),
        NOW_MS - (days[-1] - days).astype(np.int64) * DAY_MS,
    )
