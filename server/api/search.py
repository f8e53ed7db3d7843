"""Search in a shop: by words, and by meaning where words find little."""

from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from server.access.policies import STOREFRONT
from server.api.operation import Call, Operation
from server.catalog import words
from server.catalog.fields import Path, Price
from server.catalog.items import PublicItem, public
from server.catalog.matching import Filters
from server.catalog.models import Item
from server.catalog.search import products
from server.serving.live import Live

LITTLE = 4  # fewer products than this found by several words, and meaning is asked too
_LEAST_LIKENESS = 0.22  # of a product found by meaning: what a shop does not have at all stays mostly below
_SHARE_OF_BEST = 0.6

_DESCRIPTION = """\
Finds products by title, brand, categories, tags, attributes and description, while they are typed: the last word may be
a beginning, unless a space follows it. Case and accents play no part; slips of the finger are forgiven, and `corrected`
then says what was meant. What can be bought comes first. Of the variants of a product one is shown. Without `q` the
most popular products are listed, or the newest ones."""


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for."""

    q: Annotated[str, Meta(description="What the shopper typed.")] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    category: Annotated[Path | None, Meta(description='Only from here: a path, "Men > Shirts".')] = None
    price_min: Price | None = None
    price_max: Price | None = None
    in_stock: Annotated[bool, Meta(description="Whether to leave out what is sold out.")] = False

    def filters(self) -> Filters:
        """The same in the catalog's words."""
        return Filters(
            category=self.category or None,
            price_min=self.price_min,
            price_max=self.price_max,
            in_stock=self.in_stock,
        )


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, best first. `by_meaning`: how many of the items, the last ones, share no word with the query."""

    query: str
    corrected: str | None
    items: list[PublicItem]
    by_meaning: int = 0


async def search(call: Call) -> SearchAnswer:
    """`GET /v1/search`."""
    query: SearchQuery = call.query
    typed = words.of_query(query.q)
    if not typed:
        shown = [] if query.q.strip() else await _popular(call)
        return SearchAnswer(query=query.q, corrected=None, items=[public(item) for item in shown])
    found = await call.services.search.find(call.shop_id, query.q, query.filters(), query.limit)
    meant: list[Item] = []
    # one word that finds something is often only half typed, and half a word means nothing
    if not found.items or (len(typed) > 1 and len(found.items) < min(LITTLE, query.limit)):
        meant = await _by_meaning(call, found.corrected or query.q, found.items)
    items = [public(item) for item in [*found.items, *meant]]
    return SearchAnswer(query=query.q, corrected=found.corrected, items=items, by_meaning=len(meant))


async def _popular(call: Call) -> list[Item]:
    """The most popular products that can be bought; the newest where nothing is known of popularity."""
    query: SearchQuery = call.query
    filters = query.filters()
    live = await call.services.shelf.get(call.shop_id)
    if live is not None:
        rows: NDArray[Any] = live.snapshot.popular
        if query.category:
            category = live.snapshot.category_of(query.category)
            rows = live.snapshot.rows_of_category(category) if category >= 0 else rows[:0]
        rows = rows[(_allowed(live, query) & live.available)[rows]]
        groups = [live.group_of(int(row)) for row in rows[: 2 * query.limit]]
        popular = await products(call.shop_id, groups, filters, query.limit)
        if popular:
            return popular
    return (await call.services.search.find(call.shop_id, "", filters, query.limit)).items


async def _by_meaning(call: Call, text: str, already: list[Item]) -> list[Item]:
    """Further products whose content is near to what the text means, if a worker can tell."""
    query: SearchQuery = call.query
    if not call.services.settings.search_by_meaning:
        return []
    live = await call.services.shelf.get(call.shop_id)
    if live is None or not live.snapshot.manifest.text_encoder:
        return []
    vector = await call.services.queries.vector_of(live.snapshot.manifest.text_encoder, text)
    expected = live.snapshot.of_text(vector) if vector is not None else None
    if expected is None:
        return []
    allowed = _allowed(live, query)
    if query.category and (category := live.snapshot.category_of(query.category)) >= 0:
        allowed &= live.in_category(category)
    rows, likeness = live.snapshot.nearest(expected, query.limit, allowed)
    if not len(rows):
        return []
    near = rows[likeness >= max(_LEAST_LIKENESS, _SHARE_OF_BEST * float(likeness[0]))]
    known = {item.group_id for item in already}
    groups = [group for row in near if (group := live.group_of(int(row))) not in known]
    return await products(call.shop_id, groups, query.filters(), query.limit - len(already))


def _allowed(live: Live, query: SearchQuery) -> NDArray[np.bool_]:
    """The products that pass the filters but the category's, (n,) bool."""
    allowed = live.listed & live.available if query.in_stock else live.listed.copy()
    if query.price_min is not None:
        allowed &= live.price >= query.price_min
    if query.price_max is not None:
        allowed &= live.price <= query.price_max
    return allowed


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/search",
        policy=STOREFRONT,
        tag="catalog",
        summary="Search for products",
        description=_DESCRIPTION,
        handler=search,
        query=SearchQuery,
        answers={200: SearchAnswer},
        examples={"query": {"q": "linnen shi", "limit": 10, "in_stock": True}},
    ),
)
