"""A shop's products on their way into a snapshot: read from the database in order, written row by row.

Only what later stages need stays in memory (half a kilobyte per product); cards and names go straight to disk.
"""

from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.serving import arrays, categories, keys, pairs, products, texts
from server.serving.pairs import Lists
from server.serving.products import COLUMNS, Member, Product
from server.serving.texts import TextsWriter
from server.shops.models import Shop
from server.storage import database

_ITEMS_AT_ONCE = 2_000
_ALTERNATIVES = ("upsell", "related")
_COMPLEMENTS = ("cross_sell", "grouped")
_BEST_LINK, _LEAST_LINK = 1.0, 0.5  # the shop lists its links in the order it means


class Assortment:
    """The products read so far; a product's row is its number from 0."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups = TextsWriter(folder, "groups")
        self._cards = TextsWriter(folder, "cards")
        self._names = TextsWriter(folder, "names")
        self.row_of: dict[str, int] = {}  # item ids, and group ids that are no item's
        self.group_ids: list[str] = []
        self.items = 0
        self.last_item_id = 0
        self._members, self._available = array("i"), array("b")
        self._price, self._created = array("f"), array("q")
        self._brands: dict[str, int] = {}
        self._brand = array("i")
        self._categories: dict[str, int] = {}  # key: number
        self._category_names: list[bytes] = []
        self._category = array("i")
        self._in_category: tuple[array[int], array[int]] = (array("i"), array("i"))  # category, row
        self._links: dict[str, list[tuple[int, list[str]]]] = {"alternatives": [], "complements": []}

    def __len__(self) -> int:
        return len(self.group_ids)

    def row(self, item_id: str) -> int:
        """The row of the product that the item belongs to, -1 when it is unknown."""
        return self.row_of.get(item_id, -1)

    @property
    def price(self) -> NDArray[np.float32]:
        """(n,) what is asked today, NaN: unknown."""
        return np.asarray(self._price, dtype=np.float32)

    @property
    def brand(self) -> NDArray[np.int32]:
        """(n,) numbers of brands, -1: none."""
        return np.asarray(self._brand, dtype=np.int32)

    @property
    def category(self) -> NDArray[np.int32]:
        """(n,) numbers of the most exact category, -1: none."""
        return np.asarray(self._category, dtype=np.int32)

    def add(self, product: Product) -> None:
        """Take in the next product."""
        row = len(self.group_ids)
        self.group_ids.append(product.group_id)
        self.row_of.update(dict.fromkeys(product.item_ids, row))
        self._groups.append(product.group_id.encode("utf-8", "surrogatepass"))
        self._cards.append(product.card)
        self._names.append(product.name)
        self._members.append(len(product.item_ids))
        self._available.append(product.available)
        self._price.append(product.price)
        self._created.append(product.created_ms)
        self._brand.append(
            self._brands.setdefault(product.brand.casefold(), len(self._brands)) if product.brand else -1
        )
        self._add_categories(row, product.categories)
        for name, kinds in (("alternatives", _ALTERNATIVES), ("complements", _COMPLEMENTS)):
            linked = [item_id for kind in kinds for item_id in product.links.get(kind, ())]
            if linked:
                self._links[name].append((row, linked))

    def _add_categories(self, row: int, paths: tuple[str, ...]) -> None:
        numbers: dict[int, None] = {}
        main = -1
        for path in paths:
            for level in categories.above(path):
                number = self._number_of(level)
                numbers[number] = None
                if path == paths[0]:
                    main = number  # the deepest level of the first path
            numbers.update(dict.fromkeys(map(self._number_of, categories.keys_of(path))))
        self._category.append(main)
        for number in numbers:
            self._in_category[0].append(number)
            self._in_category[1].append(row)

    def _number_of(self, path: str) -> int:
        key = categories.key_of(path)
        number = self._categories.get(key)
        if number is None:
            number = self._categories[key] = len(self._categories)
            self._category_names.append(msgspec.json.encode(categories.name_of(path))[1:-1])
        return number

    def finish(self, popularity: NDArray[np.float32]) -> None:
        """Write everything but what was learned; `popularity` (n,) orders the products of each category."""
        folder = self._folder
        self.close()
        for row, group_id in enumerate(self.group_ids):
            self.row_of.setdefault(group_id, row)
        keys.write(folder, "ids", list(self.row_of), list(self.row_of.values()))
        arrays.write(folder, "members", np.asarray(self._members, dtype=np.int32))
        arrays.write(folder, "available", np.asarray(self._available, dtype=np.bool_))
        arrays.write(folder, "price", self.price)
        arrays.write(folder, "brand", self.brand)
        arrays.write(folder, "category", self.category)
        arrays.write(folder, "popularity", popularity)
        popular = np.lexsort((-np.asarray(self._created), -popularity)).astype(np.int32)
        arrays.write(folder, "popular", popular)
        self._write_categories(popular)
        for name, links in self._links.items():
            self._write_links(name, links)

    def close(self) -> None:
        """Take nothing in any more: all that is needed of whoever asks for no more than what is in memory."""
        for writer in (self._groups, self._cards, self._names):
            writer.close()

    def _write_categories(self, popular: NDArray[np.int32]) -> None:
        count = len(self._categories)
        keys.write(self._folder, "category_keys", list(self._categories), list(self._categories.values()))
        texts.write(self._folder, "category_names", self._category_names)
        place = np.empty(len(popular), dtype=np.int64)  # row -> place in the order of popularity
        place[popular] = np.arange(len(popular))
        numbers = np.asarray(self._in_category[0], dtype=np.int32)
        rows = np.asarray(self._in_category[1], dtype=np.int32)
        order = np.lexsort((place[rows], numbers)) if len(rows) else np.empty(0, dtype=np.intp)
        starts = np.searchsorted(numbers[order], np.arange(count + 1)).astype(np.int64)
        arrays.write(self._folder, "category_rows.starts", starts)
        arrays.write(self._folder, "category_rows", rows[order])

    def _write_links(self, name: str, links: list[tuple[int, list[str]]]) -> None:
        lengths = np.zeros(len(self), dtype=np.int64)
        rows, scores = array("i"), array("f")
        for row, linked in links:
            found = [
                at for at in dict.fromkeys(self.row_of.get(item_id, -1) for item_id in linked) if at not in (-1, row)
            ]
            lengths[row] = len(found)
            rows.extend(found)
            scores.extend(np.linspace(_BEST_LINK, _LEAST_LINK, len(found)).tolist())
        starts = np.concatenate([[0], np.cumsum(lengths)])
        lists = Lists(starts, np.asarray(rows, dtype=np.int32), np.asarray(scores, dtype=np.float32))
        pairs.write(self._folder, name, lists)


async def read(shop: Shop, folder: Path, progress: Callable[[int], Awaitable[None]]) -> Assortment:
    """Read all products of the shop; `progress` is told the number of items read so far."""
    assortment = Assortment(folder)
    held: list[Member] = []  # the last group of a chunk may go on in the next
    async for chunk in _chunks(shop):
        assortment.items += len(chunk)
        assortment.last_item_id = max(assortment.last_item_id, *(member.id for member in chunk))
        members = [*held, *chunk]
        whole = len(members)
        while whole and members[whole - 1].group_id == members[-1].group_id:
            whole -= 1
        for product in products.fold(members[:whole], shop.currency):
            assortment.add(product)
        held = members[whole:]
        await progress(assortment.items)
    for product in products.fold(held, shop.currency):
        assortment.add(product)
    return assortment


async def _chunks(shop: Shop) -> AsyncIterator[list[Member]]:
    last_group, last_id = "", 0
    while True:
        here = shop.items.all().using_db(database.reader()).limit(_ITEMS_AT_ONCE)
        # two ranges instead of one with OR: each walks an index
        rest = await here.filter(group_id=last_group, id__gt=last_id).order_by("id").values_list(*COLUMNS)
        if not rest:
            rest = await here.filter(group_id__gt=last_group).order_by("group_id", "id").values_list(*COLUMNS)
        if not rest:
            return
        members = [Member._make(row) for row in rest]
        last_group, last_id = members[-1].group_id, members[-1].id
        yield members
