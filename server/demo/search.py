"""The page of search results. As one types, the field itself asks `GET /v1/search`; this page also serves without."""

from starlette.responses import Response

from server.catalog.matching import Filters
from server.catalog.search import Search
from server.demo.listing import ORDERS, listing
from server.demo.storefront import Storefront

_LONGEST = 200
_MOST = 120  # five pages: who has not found it by then types another word


async def results(front: Storefront) -> Response:
    """Products for a query, best first; what else to show when there are none."""
    query = front.request.query_params.get("q", "").strip()[:_LONGEST]
    if not query:
        return front.page("search.html", listing=listing([], {}), orders=ORDERS, corrected="")
    search: Search = front.request.app.state.services.search
    found = await search.find(front.assortment.shop.id, query, Filters(), _MOST)
    page = listing(front.assortment.of(item.item_id for item in found.items), front.request.query_params)
    return front.page(
        "search.html",
        query=query,
        corrected=found.corrected or "",
        listing=page,
        orders=ORDERS,
        events=[{"type": "search", "payload": {"search_term": query}}],
    )
