"""What one sender's events may count for in learning. Whoever sends a thousand purchases is one voice, or none.

Events from pages carry a mark of the address that they came from (see `Event.source`), a new one each day. Shopper ids,
orders and times can be made up at will; addresses cannot, not cheaply.
"""

import numpy as np
from numpy.typing import NDArray

# A household or an office shares an address; a shop's busiest product is still chosen from hundreds of them
MOST_ON_ONE_ITEM = 3
MOST_IN_ALL = 1_000  # more than twenty eager shoppers behind one address look at in a day
ROBOT = 50  # events on one item from one address in a day; no household comes near it
UNKNOWN = -1  # events with a secret key or from a file: the shop vouches for them
_FEW = 3  # voices that may be newer than what counts as recent
_SHARE = 0.5  # of all voices; where more of them look like robots it is a proxy that does not pass addresses on


def heard(
    sources: NDArray[np.int64], shoppers: NDArray[np.int32], rows: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which events count, (n,) bool; all arguments (n,), in the order of time. `sources`: marks, `UNKNOWN` for none.

    Of a robot nothing; of any other source the strongest events on each item, and the first ones of all. Where
    everything comes through one place there is nobody to outvote, as when a developer tries things out: then all count.
    """
    counts = np.ones(len(sources), dtype=np.bool_)
    n_voices = len(np.unique(_voices(sources, shoppers)))
    marked = np.flatnonzero(sources != UNKNOWN)
    strongest_first = marked[np.lexsort((marked, -weights[marked], rows[marked], sources[marked]))]
    place = _places(sources[strongest_first], rows[strongest_first])
    robots = np.unique(sources[strongest_first[place >= ROBOT]])
    if n_voices < 2 or len(robots) > _SHARE * n_voices:
        return counts
    counts[strongest_first[place >= MOST_ON_ONE_ITEM]] = False
    counts[np.isin(sources, robots)] = False
    left = marked[counts[marked]]
    by_source = left[np.argsort(sources[left], kind="stable")]
    counts[by_source[_places(sources[by_source]) >= MOST_IN_ALL]] = False
    return counts


def heard_until(sources: NDArray[np.int64], shoppers: NDArray[np.int32], times_ms: NDArray[np.int64]) -> int:
    """The time by which a shop's newest events count as recent; arguments (n,) in the order of time.

    It is when all but the newest few of its voices had been heard for the last time: so that one of them alone, in a
    shop that has long been quiet, does not make last season's favourites look old.
    """
    if not len(times_ms):
        return 0
    _, newest = np.unique(_voices(sources, shoppers)[::-1], return_index=True)  # of each voice, from the end
    if len(newest) <= _FEW:
        return int(times_ms[-1])
    return int(times_ms[len(times_ms) - 1 - np.sort(newest)[_FEW]])


def _voices(sources: NDArray[np.int64], shoppers: NDArray[np.int32]) -> NDArray[np.int64]:
    """Who speaks in each event, (n,): a source by its mark, a shopper whom the shop vouches for below zero."""
    return np.where(sources == UNKNOWN, -2 - shoppers.astype(np.int64), sources)


def _places(*groups: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.intp]:
    """The place of each entry in its group, from 0. Those of one group are equal in all `groups` and stand together."""
    count = len(groups[0])
    first = np.zeros(count, dtype=np.bool_)
    first[:1] = True
    for group in groups:
        first[1:] |= group[1:] != group[:-1]
    starts = np.flatnonzero(first)
    return np.arange(count) - np.repeat(starts, np.diff(np.append(starts, count)))
