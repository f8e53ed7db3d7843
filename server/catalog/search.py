"""Search in a shop's items, as one types: beginnings of words, other endings, slips of the finger, compounds.

`Search.find` looks in widening circles: names that hold every word as it was typed; then all texts, and relatives and
corrections of the words; then any of the words. `fulltext` keeps the index in step, within the transactions that change
items.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient

from server.catalog import fulltext, matching, words
from server.catalog.matching import Alternative, Expression, Filters, Hit, Term
from server.catalog.models import Item
from server.catalog.spelling import Vocabulary
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database

_MOST_VOCABULARIES = 8
_FRESH_S = 30.0
_FRESH_PER_LOAD = 200  # reading the words may take at most half a percent of the time
_BATCH = 1_000


class Found(msgspec.Struct, frozen=True):
    """What a search found, best first: one item per product. `corrected`: the query that was meant, if another."""

    items: list[Item]
    corrected: str | None = None


class _Known(NamedTuple):
    vocabulary: Vocabulary
    stale_at: float


class Search:
    """Answers queries; remembers the words of the shops that were asked for last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def find(self, shop_id: str, query: str, filters: Filters, limit: int) -> Found:
        """The best `limit` products for `query`; the newest ones if it is blank."""
        typed = words.of_query(query)
        hits = _Hits(shop_id, filters, limit)
        if not typed:
            if not query.strip():
                await hits.add([])
            return Found(await hits.items())
        last = None if query[-1:].isspace() else typed[-1]  # the word that is still being typed
        as_typed: Expression = [[(Term(word, beginning=word is last),)] for word in typed]
        await hits.add(as_typed, in_names=True)
        if len(hits) >= limit:
            return Found(await hits.items())
        found_as_typed = len(hits)
        senses = [await self._senses(shop_id, word, beginning=word is last) for word in typed]
        await hits.add([sense.likely for sense in senses])
        meant = [sense.meant for sense in senses]
        corrected = " ".join(meant) if len(hits) and not found_as_typed and meant != typed else None
        if any(sense.possible for sense in senses):
            await hits.add([[*sense.likely, *sense.possible] for sense in senses])
        if not len(hits) and len(typed) > 1:
            # in names only, and no short words: "gift for a cyclist" must not find whatever is "for" something
            telling = [sense.likely for sense in senses if len(sense.meant) >= 3 or not sense.meant.isascii()]
            if telling:
                await hits.add([list(chain.from_iterable(telling))], in_names=True)
        return Found(await hits.items(), corrected)

    async def _senses(self, shop_id: str, word: str, *, beginning: bool) -> "_Sense":
        vocabulary = await self._vocabulary(shop_id)
        as_typed: list[Alternative] = [(Term(word, beginning),)]
        parts = vocabulary.parts(word)
        if parts:
            as_typed.append((Term(parts[0]), Term(parts[1])))
        as_typed += [(Term(relative),) for relative in vocabulary.relatives(word)]
        if parts or word in vocabulary or (beginning and vocabulary.starting_with(word, 1)) or len(as_typed) > 1:
            return _Sense(word, as_typed, [])
        corrections = vocabulary.corrections(word, as_beginning=beginning)
        if not corrections:
            return _Sense(word, as_typed, [])
        counts = await fulltext.counts(database.reader(), shop_id, corrections)
        # the sort is stable: among equally common words the order of the corrections holds
        best, *others = sorted(corrections, key=lambda one: counts.get(one, 0), reverse=True)
        # what was typed stays: it may have come in after the vocabulary was read
        return _Sense(best, [*as_typed, (Term(best, beginning),)], [(Term(other),) for other in others])

    async def _vocabulary(self, shop_id: str) -> Vocabulary:
        known = self._known.get(shop_id)
        started = time.monotonic()
        if known is None or known.stale_at < started:
            vocabulary = Vocabulary(await fulltext.vocabulary(database.reader(), shop_id))
            took_s = time.monotonic() - started
            known = _Known(vocabulary, started + max(_FRESH_S, took_s * _FRESH_PER_LOAD))
            self._known[shop_id] = known
        self._known.move_to_end(shop_id)
        if len(self._known) > _MOST_VOCABULARIES:
            self._known.popitem(last=False)
        return known.vocabulary


class _Sense(NamedTuple):
    """What one word of a query may stand for. `meant`: itself, or the word it is a slip of."""

    meant: str
    likely: list[Alternative]
    possible: list[Alternative]


class _Hits:
    """Collects products over several looks into the index: an earlier one's stay ahead of a later one's."""

    def __init__(self, shop_id: str, filters: Filters, limit: int) -> None:
        self._shop_id = shop_id
        self._filters = filters
        self._limit = limit
        self._products: dict[str, Hit] = {}

    def __len__(self) -> int:
        return len(self._products)

    async def add(self, expression: Expression, *, in_names: bool = False) -> None:
        """Look for `expression`, unless there is enough already."""
        if len(self) < self._limit:
            most = self._limit + len(self)  # it may find the same ones once more
            for hit in await matching.find(
                database.reader(), self._shop_id, expression, self._filters, most, in_names=in_names
            ):
                self._products.setdefault(hit.group_id, hit)

    async def items(self) -> list[Item]:
        """The items to show, one per product."""
        item_ids = [hit.item_id for hit in self._products.values()][: self._limit]
        return await _load(self._shop_id, item_ids)


async def products(shop_id: str, group_ids: Sequence[str], filters: Filters, limit: int) -> list[Item]:
    """One item for each of these products that passes the filters, in their order, at most `limit`."""
    hits = await matching.of_products(database.reader(), shop_id, group_ids, filters)
    shown = {hit.group_id: hit.item_id for hit in hits}
    item_ids = [shown[group_id] for group_id in dict.fromkeys(group_ids) if group_id in shown]
    return await _load(shop_id, item_ids[:limit])


async def index_everything(connection: BaseDBAsyncClient) -> None:
    """Index all items of all shops, for an installation whose index is empty."""
    last = 0
    while batch := await Item.filter(ACROSS_SHOPS, id__gt=last).order_by("id").limit(_BATCH).using_db(connection):
        last = batch[-1].id
        by_shop: defaultdict[str, list[Item]] = defaultdict(list)
        for item in batch:
            by_shop[cast("Any", item).shop_id].append(item)
        for shop_id, items in by_shop.items():
            await fulltext.index(connection, shop_id, items)


async def _load(shop_id: str, item_ids: Sequence[str]) -> list[Item]:
    stored = await Item.filter(shop_id=shop_id, item_id__in=item_ids).using_db(database.reader())
    by_id = {item.item_id: item for item in stored}
    return [by_id[item_id] for item_id in item_ids if item_id in by_id]
