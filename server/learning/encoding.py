"""From products to vectors: encodes what has changed, forgets what no product has any more.

Work goes in batches. While one is encoded in a thread, the images of the next are fetched; each is written as soon as
it is done, so that an interrupted task goes on where it stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from PIL import Image

from server.catalog.decoding import BadImage, decoded
from server.catalog.images import Found, Images, Missing
from server.encoders.encoder import Encoder
from server.learning import encoded
from server.learning.content import IMAGE, PASSAGE_COLUMNS, TEXT, Source, passage
from server.learning.encoded import Tally
from server.settings import Settings
from server.shops.models import Shop

TEXT_STAGE, IMAGE_STAGE = "Encoding text", "Encoding images"
_TEXTS_AT_ONCE = 128
_PRODUCTS_AT_ONCE = 32  # with their images: 64 pictures of at most 512 pixels a side, 50 MB
T = TypeVar("T")


class Progress(Protocol):
    """Who wants to know how far it is; a running task."""

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """`done` of `total` units of a stage; raises when the work is no longer wanted."""
        ...


class Pictures(NamedTuple):
    """A product and its images: those found, by address."""

    source: Source
    found: dict[str, Found]

    @property
    def seal(self) -> str:
        """A hash that changes with the bytes of the images."""
        return blake2b("\n".join(image.digest for image in self.found.values()).encode(), digest_size=16).hexdigest()


async def encode_texts(shop: Shop, encoder: Encoder, sources: Sequence[Source], run: Progress) -> Tally:
    """Encode the texts of these products where they changed."""
    name = f"{encoder.name}/{TEXT}"
    wanted = {source.content_hash: source for source in sources}  # alike contents are encoded once
    present = await encoded.present(shop, name)
    missing = [source for content_hash, source in wanted.items() if content_hash not in present]
    tally = Tally(unchanged=len(wanted) - len(missing))
    await run.progress(TEXT_STAGE, 0, len(missing), "texts")
    for done, batch in _batches(missing, _TEXTS_AT_ONCE):
        rows = await shop.items.filter(id__in=[source.id for source in batch]).values("id", *PASSAGE_COLUMNS)
        passages = {row["id"]: passage(row) for row in rows}
        there = [source for source in batch if source.id in passages]  # an item may just have been deleted
        if there:
            vectors = await asyncio.to_thread(encoder.encode_texts, [passages[source.id] for source in there])
            await encoded.store(shop, name, [(source.content_hash, "") for source in there], vectors)
        tally.encoded += len(there)
        await run.progress(TEXT_STAGE, done, len(missing), "texts")
    tally.removed = await encoded.forget(shop, name, present.keys() - wanted.keys())
    return tally


async def encode_images(
    shop: Shop, encoder: Encoder, sources: Sequence[Source], images: Images, settings: Settings, run: Progress
) -> Tally:
    """Encode the images of these products where their addresses or bytes changed; a product's vector is their mean.

    Images that are missing or broken are counted; a vector made of them earlier stays.
    """
    name = f"{encoder.name}/{IMAGE}"
    wanted = {source.image_hash: source for source in sources if source.image_urls}
    present = await encoded.present(shop, name)
    tally = Tally()
    await run.progress(IMAGE_STAGE, 0, len(wanted), "products")
    async for done, batch in _fetched(list(wanted.values()), images, tally):
        changed = [product for product in batch if present.get(product.source.image_hash) != product.seal]
        tally.unchanged += len(batch) - len(changed)
        pictures = await asyncio.to_thread(_opened, changed, settings, tally)
        if pictures:
            tally.encoded += await _encode(shop, encoder, name, pictures)
        await run.progress(IMAGE_STAGE, done, len(wanted), "products")
    tally.removed = await encoded.forget(shop, name, present.keys() - wanted.keys())
    return tally


async def _encode(shop: Shop, encoder: Encoder, name: str, pictures: list[tuple[Pictures, list[Image.Image]]]) -> int:
    """Encode the pictures of some products and write one vector for each."""
    flat = [picture for _, of_product in pictures for picture in of_product]
    starts = np.cumsum([0] + [len(of_product) for _, of_product in pictures[:-1]])
    vectors = await asyncio.to_thread(encoder.encode_images, flat)  # (pictures, d)
    means = np.add.reduceat(vectors, starts, axis=0)  # (products, d), as sums: only their direction counts
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    await encoded.store(shop, name, [(product.source.image_hash, product.seal) for product, _ in pictures], means)
    return len(pictures)


def _opened(products: list[Pictures], settings: Settings, tally: Tally) -> list[tuple[Pictures, list[Image.Image]]]:
    """The pixels of the products' images; products of which none can be read are left out."""
    opened: list[tuple[Pictures, list[Image.Image]]] = []
    for product in products:
        pictures: list[Image.Image] = []
        for url, image in product.found.items():
            try:
                pictures.append(decoded(image.path, settings))
            except BadImage as error:
                tally.miss(product.source.item_id, url, str(error))
        if pictures:
            opened.append((product, pictures))
    return opened


async def _fetched(
    sources: Sequence[Source], images: Images, tally: Tally
) -> AsyncIterator[tuple[int, list[Pictures]]]:
    """Products with the images that were found, in batches, each with the number done by then; always one ahead."""
    ahead: asyncio.Task[list[dict[str, Found | Missing]]] | None = None
    batches = list(_batches(sources, _PRODUCTS_AT_ONCE))
    try:
        for number, (done, batch) in enumerate(batches):
            answers = await (ahead or asyncio.ensure_future(_find(batch, images)))
            rest = batches[number + 1 :]
            ahead = asyncio.ensure_future(_find(rest[0][1], images)) if rest else None
            products: list[Pictures] = []
            for source, of_source in zip(batch, answers, strict=True):
                found = {url: answer for url, answer in of_source.items() if isinstance(answer, Found)}
                for url, answer in of_source.items():
                    if isinstance(answer, Missing):
                        tally.miss(source.item_id, url, answer.reason)
                if found:
                    products.append(Pictures(source, found))
            yield done, products
    finally:
        if ahead is not None:
            ahead.cancel()


async def _find(sources: Sequence[Source], images: Images) -> list[dict[str, Found | Missing]]:
    urls = list(dict.fromkeys(url for source in sources for url in source.image_urls))
    answers = dict(zip(urls, await asyncio.gather(*map(images.find, urls)), strict=True))
    return [{url: answers[url] for url in source.image_urls} for source in sources]


def _batches(values: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    for start in range(0, len(values), size):
        yield min(start + size, len(values)), values[start : start + size]
