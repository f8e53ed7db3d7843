"""Ranking: what several sources say about a product is added up, what may not be shown is left out, and a list is
picked one by one, each time the best of what is not too like those already picked. The loudest source gives the reason.

`native` does it; here is what it is told.
"""

import struct
from collections.abc import Iterator, Sequence

from server.serving.eligibility import Eligibility
from server.serving.native import ffi, lib
from server.serving.placements import Placement, pool_size
from server.serving.snapshot import Snapshot
from server.serving.sources.asked import Found, Voice

NEAR_DUPLICATE = 0.97  # cosine from which two products look the same to a shopper
_SOURCES, _NUMBERS, _WEIGHTS, _WANTED, _PICKED = map(
    ffi.typeof, ("Source[]", "int32_t[]", "float[]", "Wanted *", "Picked[]")
)
_PRODUCT = struct.Struct("iiif")  # of `Picked`

# One product of a list, and why: row, score, code of the reason, position of the seed that brought it (-1: none did).
# A plain tuple: there are a dozen of them in every request.
Chosen = tuple[int, float, str, int]


def pick(
    snapshot: Snapshot,
    found: Sequence[tuple[Found, float]],
    eligibility: Eligibility,
    placement: Placement,
    limit: int,
    *,
    seeds: Sequence[int] = (),
    weights: Sequence[float] = (),
    left_out: Sequence[int] = (),
) -> list[Chosen]:
    """At most `limit` products of what sources found, each with the weight of its source, in the order to show.

    `seeds` (s,), `weights` (s,): what lists of pairs go by; `left_out`: rows that shall not come.
    """
    sources = [one.native(weight) for one, weight in found]
    wanted = (
        limit,
        pool_size(limit),
        placement.variety,
        NEAR_DUPLICATE,
        placement.per_brand,
        placement.per_category,
    )
    picked = ffi.new(_PICKED, limit)
    count = lib.vitrina_pick(
        ffi.new(_SOURCES, sources),
        len(sources),
        ffi.new(_NUMBERS, seeds),
        ffi.new(_WEIGHTS, weights),
        len(seeds),
        ffi.new(_NUMBERS, left_out),
        len(left_out),
        eligibility.native(),
        snapshot.likeness,
        ffi.new(_WANTED, wanted),
        picked,
    )
    if count < 0:
        raise MemoryError
    products = list(_PRODUCT.iter_unpack(ffi.buffer(picked, count * _PRODUCT.size)))
    voices: list[Iterator[Voice]] = [
        iter(one.voices([at for _, source, at, _ in products if source == number]))
        for number, (one, _) in enumerate(found)
    ]
    chosen = list[Chosen]()
    for row, source, _, score in products:
        code, seed = next(voices[source])
        chosen.append((row, score, code, seed))
    return chosen
