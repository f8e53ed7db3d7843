"""What is encoded of each product, and the vectors that came of it.

A product is a group of variants. Its text is that of the item that stands for it, its images are the main ones of that
item and of one variant that looks different. Text encodings are keyed by the item's content hash, image encodings by
the hash of the images' addresses.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.learning.fusing import category_vectors, fuse, shortened
from server.shops.models import Shop
from server.storage import database

TEXT, IMAGE = "text", "image"
MOST_IMAGES = 2  # of a product: a second colour helps to see the shape; backs and details do not, see docs/encoders.md
_ITEMS_AT_ONCE = 5_000
_ROWS_AT_ONCE = 2_000
_COLUMNS = ("id", "item_id", "group_id", "content_hash", "image_url", "additional_image_urls", "categories")
_MOST_WORDS = 220  # the text encoders read no more than their first 64 to 77 tokens
_MOST_ATTRIBUTES = 30


class Source(NamedTuple):
    """What one product is encoded from. `id` is the row of the item that stands for it."""

    id: int
    item_id: str
    content_hash: str
    image_urls: tuple[str, ...]
    categories: tuple[str, ...]

    @property
    def image_hash(self) -> str:
        """The key of its image encoding, empty if it has no image."""
        return blake2b("\n".join(self.image_urls).encode(), digest_size=16).hexdigest() if self.image_urls else ""


class Content(NamedTuple):
    """The fused vectors of n products, (n, d) float32, unit norm, zeros where nothing is encoded; what they hold."""

    vectors: NDArray[np.float32]
    has_text: NDArray[np.bool_]
    has_image: NDArray[np.bool_]
    text: NDArray[np.float32]  # (n, t) as the encoder gave them, unit norm
    text_encoder: str  # its name, empty for none
    image: NDArray[np.float32]  # (n, v) of the pictures alone, unit norm, zeros where there is none, v <= 96


async def load_vectors(shop: Shop, group_ids: Sequence[str]) -> Content:
    """The vectors of these products, in their order, from what is encoded by now."""
    sources = await read_sources(shop)
    ordered = [sources.get(group_id) for group_id in group_ids]
    text, has_text = await _matrix(shop, TEXT, [source.content_hash if source else "" for source in ordered])
    image, has_image = await _matrix(shop, IMAGE, [source.image_hash if source else "" for source in ordered])
    named = (await _encoder(shop, TEXT)).removesuffix(f"/{TEXT}")
    categories = category_vectors([source.categories if source else () for source in ordered])
    fused = fuse(text, has_text, image, has_image, categories)
    return Content(fused, has_text, has_image, text, named, shortened(image, has_image))


async def read_sources(shop: Shop) -> dict[str, Source]:
    """What each of the shop's products is encoded from, by group id. About 0.4 kB a product."""
    sources: dict[str, Source] = {}
    async for row_id, item_id, group_id, content_hash, image_url, more, categories in _items(shop):
        image = image_url or next(iter(more), "")
        known = sources.get(group_id)
        if known is None:
            sources[group_id] = Source(row_id, item_id, content_hash, _images(image), tuple(categories))
        elif item_id == group_id:
            # the item that stands for its group, in stock or not: a sale must not cost an encoding
            images = _images(image, *known.image_urls)
            sources[group_id] = Source(row_id, item_id, content_hash, images, tuple(categories) or known.categories)
        else:
            images = _images(*known.image_urls, image)
            sources[group_id] = known._replace(image_urls=images, categories=known.categories or tuple(categories))
    return sources


def _images(*urls: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, urls)))[:MOST_IMAGES]


def passage(item: dict[str, Any]) -> str:
    """What a text encoder reads of an item, the telling fields first: it does not read to the end."""
    categories = [path.replace(">", " ") for path in item["categories"]]
    parts = [item["title"], item["brand"], *categories[:3], ", ".join(item["tags"][:10])]
    parts += [", ".join(_values(item["attributes"])), item["description"]]
    text = ". ".join(part for part in (part.strip(" .") for part in parts) if part)
    return " ".join(text.split()[:_MOST_WORDS])


PASSAGE_COLUMNS = ("title", "brand", "categories", "tags", "attributes", "description")


def _values(attributes: dict[str, Any]) -> list[str]:
    """The words among the attributes' values: no numbers, flags or sizes, each once."""
    found: dict[str, None] = {}
    pending: list[Any] = list(attributes.values())[::-1]
    while pending and len(found) < _MOST_ATTRIBUTES:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(list(value.values())[::-1])
        elif isinstance(value, list):
            pending.extend(value[::-1])
        elif isinstance(value, str) and sum(map(str.isalpha, value)) >= 3 and len(value) <= 100:
            found.setdefault(value.strip())
    return list(found)


async def _items(shop: Shop) -> AsyncIterator[tuple[Any, ...]]:
    last = 0
    while True:
        here = shop.items.filter(id__gt=last).using_db(database.reader()).order_by("id").limit(_ITEMS_AT_ONCE)
        rows: list[tuple[Any, ...]] = await here.values_list(*_COLUMNS)
        for row in rows:
            yield row
        if len(rows) < _ITEMS_AT_ONCE:
            return
        last = rows[-1][0]


async def _matrix(shop: Shop, side: str, hashes: Iterable[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The vectors of one side, (n, d) float32, and which rows have one."""
    hashes = list(hashes)
    has = np.zeros(len(hashes), dtype=np.bool_)
    encoder = await _encoder(shop, side)
    if not encoder:
        return np.zeros((len(hashes), 0), dtype=np.float32), has
    rows_of: dict[str, list[int]] = {}
    for row, content_hash in enumerate(hashes):
        rows_of.setdefault(content_hash, []).append(row)
    vectors = np.zeros((0, 0), dtype=np.float32)
    last = 0
    while True:
        here = shop.encodings.filter(encoder=encoder, id__gt=last).using_db(database.reader()).order_by("id")
        found = await here.limit(_ROWS_AT_ONCE).values_list("id", "content_hash", "vector")
        for _, content_hash, raw in found:
            vector = np.frombuffer(raw, dtype="<f2")
            if not vectors.shape[1]:
                vectors = np.zeros((len(hashes), len(vector)), dtype=np.float32)
            rows = rows_of.get(content_hash, [])
            vectors[rows] = vector
            has[rows] = True
        if len(found) < _ROWS_AT_ONCE:
            return vectors, has
        last = found[-1][0]


async def _encoder(shop: Shop, side: str) -> str:
    """The encoder that most of the shop's content of that side went through; empty if none did."""
    names = await shop.encodings.all().using_db(database.reader()).distinct().values_list("encoder", flat=True)
    of_side = [name for name in names if name.endswith(f"/{side}")]
    counts = {name: await shop.encodings.filter(encoder=name).using_db(database.reader()).count() for name in of_side}
    return max(counts, key=lambda name: counts[name], default="")
