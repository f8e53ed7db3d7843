"""Lists of products for a place on a page: one, or all of a page in one request."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from server.access.policies import STOREFRONT
from server.api.operation import Answer, Call, Operation
from server.api.problems import invalid
from server.catalog.fields import ItemId, Path, Price
from server.serving.answers import RecommendationList
from server.serving.question import Question
from server.serving.reasons import language_of
from server.serving.recommend import recommend, recommend_page
from server.serving.sentences import LANGUAGES

MOST_LISTS = 10
Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]  # as in events
ItemIds = Annotated[list[ItemId], Meta(max_length=200)]

_DESCRIPTION = """\
The product looked at, what is in the cart, what is sold out and what `exclude` names are left out. A shop without
events, an unknown shopper, an unknown item and an empty history all get a full list; `strategy` says what served it,
and each item's `reason` why it is there."""


class RecommendationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is for."""

    placement: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            description="Where the list stands: `home`, `product-page`, `cart`, `category`, `search-empty`, "
            "`order-confirmation`, `email`, or a name of your own, which is treated as `home`.",
        ),
    ] = "home"
    item_id: Annotated[ItemIds, Meta(description="The product of the page, or all that are in the cart or order.")] = []
    shopper_id: Annotated[Id | None, Meta(description="Who is looking, as named in events.")] = None
    session_id: Annotated[Id | None, Meta(description="The visit, where the shopper is not known.")] = None
    anonymous_id: Annotated[
        Id | None,
        Meta(
            description="What the shopper's browser was called before it was known whose it is: what was done under "
            "that id counts, too."
        ),
    ] = None
    consent: Annotated[
        Literal["granted", "denied"],
        Meta(
            description="`denied`: the shopper does not want to be recognised. Ids are not looked at, nothing is kept, "
            "and the list goes by `recent_item_id`."
        ),
    ] = "granted"
    recent_item_id: Annotated[
        list[ItemId],
        Meta(max_length=50, description="Looked at in this tab, newest first; for pages without consent."),
    ] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 12
    exclude: Annotated[ItemIds, Meta(description="Items that must not be in the list.")] = []
    category: Annotated[Path | None, Meta(description='Only from here: a path, "Men > Shirts".')] = None
    price_min: Price | None = None
    price_max: Price | None = None
    in_stock: Annotated[bool, Meta(description="Whether to leave out what is sold out.")] = True
    lang: Annotated[
        str,
        Meta(
            max_length=128,  # it comes from pages, and what they say amiss must not cost them their list
            description='The language of the page, as BCP 47 writes it ("de-AT"): for the reasons, which are there in '
            f"{', '.join(LANGUAGES)}; in any other language they are English.",
        ),
    ] = "en"

    def question(self) -> Question:
        """The same in serving's words."""
        return Question(
            placement=self.placement,
            item_ids=tuple(self.item_id),
            shopper_id=self.shopper_id if self.consent == "granted" else None,
            session_id=self.session_id if self.consent == "granted" else None,
            anonymous_id=self.anonymous_id if self.consent == "granted" else None,
            recent_item_ids=tuple(self.recent_item_id),
            limit=self.limit,
            exclude=tuple(self.exclude),
            category=self.category or None,
            price_min=self.price_min,
            price_max=self.price_max,
            in_stock=self.in_stock,
            language=language_of(self.lang),
        )


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """All lists of one page."""

    requests: Annotated[list[RecommendationQuery], Meta(min_length=1, max_length=MOST_LISTS)]
    repeat: Annotated[bool, Meta(description="Whether an item may be in more than one of the lists.")] = False


class BatchAnswer(msgspec.Struct, frozen=True):
    """The lists, in the order of the requests."""

    responses: list[RecommendationList]


async def from_query(call: Call) -> Answer:
    """`GET /v1/recommendations`."""
    return Answer(await _list(call, call.query))


async def from_body(call: Call) -> Answer:
    """`POST /v1/recommendations`."""
    return Answer(await _list(call, call.body))


async def batch(call: Call) -> Answer:
    """`POST /v1/recommendations/batch`."""
    wanted: Batch = call.body
    for number, query in enumerate(wanted.requests):
        check(query, f"/requests/{number}")
    questions = [query.question() for query in wanted.requests]
    services = call.services
    page = await recommend_page(call.shop_id, questions, services.shelf, services.recents, repeat=wanted.repeat)
    return Answer(b'{"responses":[' + b",".join(answer.body() for answer in page) + b"]}")


async def _list(call: Call, query: RecommendationQuery) -> bytes:
    check(query)
    answer = await recommend(call.shop_id, query.question(), call.services.shelf, call.services.recents)
    return answer.body()


def check(query: RecommendationQuery, within: str = "") -> None:
    """Raise Problem 422 where the fields do not fit each other."""
    low, high = query.price_min, query.price_max
    if low is not None and high is not None and low > high:
        raise invalid(f"{within}/price_min", f"`price_min` is {low:g}; it must be at most `price_max`, {high:g}.")


_EXAMPLE = {"placement": "product-page", "item_id": ["SKU-1"], "session_id": "s-9f2", "limit": 8}

OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/recommendations",
        policy=STOREFRONT,
        tag="recommendations",
        summary="Recommend",
        description=_DESCRIPTION,
        handler=from_query,
        query=RecommendationQuery,
        answers={200: RecommendationList},
        examples={"query": _EXAMPLE},
    ),
    Operation(
        method="POST",
        path="/v1/recommendations",
        policy=STOREFRONT,
        tag="recommendations",
        summary="Recommend, for a context too long for an address",
        handler=from_body,
        body=RecommendationQuery,
        body_types=("application/json", "text/plain"),
        answers={200: RecommendationList},
        examples={"body": _EXAMPLE},
    ),
    Operation(
        method="POST",
        path="/v1/recommendations/batch",
        policy=STOREFRONT,
        tag="recommendations",
        summary="All lists of a page at once",
        description=f"Up to {MOST_LISTS} lists. No item is in two of them unless `repeat` is true.",
        handler=batch,
        body=Batch,
        body_types=("application/json", "text/plain"),
        answers={200: BatchAnswer},
        examples={"body": {"requests": [{"placement": "home"}, _EXAMPLE]}},
    ),
)
