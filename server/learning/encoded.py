"""The rows that hold a shop's vectors: which are there, new ones in, old ones out."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from server.catalog.models import Encoding
from server.shops.models import Shop
from server.storage import database

_MOST_PROBLEMS = 20
_HASHES_AT_ONCE = 500  # short statements let other writers in between
_SAME_REASON = 5  # of the first problems; a folder that is not there should not hide everything else


@dataclass
class Tally:
    """What happened to one side, text or images, of a shop's products. `problems`: the first unusable images."""

    encoded: int = 0
    unchanged: int = 0
    removed: int = 0
    missing: int = 0
    problems: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    _reasons: Counter[str] = field(default_factory=Counter[str])

    def miss(self, item_id: str, url: str, reason: str) -> None:
        """Count an image that could not be used."""
        self.missing += 1
        self._reasons[reason] += 1
        if len(self.problems) < _MOST_PROBLEMS and self._reasons[reason] <= _SAME_REASON:
            self.problems.append({"item_id": item_id, "image_url": url, "reason": reason})


async def present(shop: Shop, encoder: str) -> dict[str, str]:
    """What this encoder has encoded so far: content hashes, and the hash of the bytes behind each."""
    rows = await shop.encodings.filter(encoder=encoder).values_list("content_hash", "source")
    return dict(rows)


async def store(shop: Shop, encoder: str, keys: Sequence[tuple[str, str]], vectors: NDArray[np.float32]) -> None:
    """Write the vectors (n, d) under n pairs of content hash and source, over older ones of the same content."""
    rows = [
        Encoding(shop_id=shop.id, encoder=encoder, content_hash=content_hash, source=source, vector=vector.tobytes())
        for (content_hash, source), vector in zip(keys, vectors.astype("<f2"), strict=True)
    ]
    async with database.transaction() as connection:
        await Encoding.bulk_create(
            rows,
            on_conflict=["shop_id", "encoder", "content_hash"],
            update_fields=["source", "vector"],
            using_db=connection,
        )


async def forget(shop: Shop, encoder: str, content_hashes: Collection[str]) -> int:
    """Remove what no product has any more; returns how many."""
    hashes = list(content_hashes)
    removed = 0
    for start in range(0, len(hashes), _HASHES_AT_ONCE):
        some = hashes[start : start + _HASHES_AT_ONCE]
        removed += await shop.encodings.filter(encoder=encoder, content_hash__in=some).delete()
    return removed


async def forget_other_encoders(shop: Shop, in_use: Sequence[str]) -> int:
    """Remove the vectors of encoders that are no longer in use; returns how many."""
    return await shop.encodings.filter(encoder__not_in=list(in_use)).delete()
