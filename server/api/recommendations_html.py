"""A list as HTML that a shop's server puts into a page or an e-mail. The widget takes it over where it runs."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from server.access.policies import STOREFRONT
from server.api.drawing import Looks, draw, read_build
from server.api.operation import Call, Media, Operation
from server.api.recommendations import RecommendationQuery, check
from server.serving.answers import RecommendationList
from server.serving.recommend import recommend

_read = msgspec.json.Decoder(RecommendationList).decode
_DESCRIPTION = """\
A `<vitrina-recommendations>` element that is filled already, for pages without JavaScript and for e-mails: print it
where the list shall stand. On a page that has the widget, the widget does not draw it again, and tells what of it was
seen and clicked. Where there is nothing to recommend the element is empty."""


class DrawnQuery(RecommendationQuery, frozen=True, kw_only=True):
    """What a list is for, and how it looks."""

    layout: Literal["carousel", "grid", "list"] = "carousel"
    heading: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^[^\x00-\x1f\x7f-\x9f]*$",
            description="A title of your own instead of the placement's.",
        ),
    ] = ""
    styles: Annotated[
        bool,
        Meta(description="Whether the list brings its styles along; not needed where a page's policy forbids them."),
    ] = True


async def from_query(call: Call) -> Response:
    """`GET /v1/recommendations.html`."""
    query: DrawnQuery = call.query
    check(query)
    build = read_build()
    question = query.question()
    answer = await recommend(call.shop_id, question, call.services.shelf, call.services.recents)
    looks = Looks(layout=query.layout, heading=query.heading, lang=query.lang, styles=query.styles)
    html = draw(_read(answer.body()), question, looks, build)  # a tenth of a millisecond for eight items
    return Response(html, media_type="text/html", headers={"cache-control": "private, no-store"})


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/recommendations.html",
        policy=STOREFRONT,
        tag="recommendations",
        summary="A list as HTML",
        description=_DESCRIPTION,
        handler=from_query,
        query=DrawnQuery,
        answers={200: Media("text/html")},
        problems=(404,),
        examples={"query": {"placement": "product-page", "item_id": ["SKU-1"], "limit": 8, "lang": "de"}},
    ),
)
