"""Events in: what shoppers do, from the widget, a shop's server or a tag manager."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.access.policies import STOREFRONT
from server.api.operation import Answer, Call, Operation
from server.api.problems import InvalidField, Problem, unavailable
from server.events.fields import MOST_ITEMS, TYPES
from server.events.ingest import MOST_EVENTS, Outcome, Unavailable

_TYPES = ", ".join(f"`{kind}`" for kind in sorted(TYPES))
_DESCRIPTION = f"""Events are GA4 e-commerce events. Each has a `type`: {_TYPES}.

| field | meaning |
|---|---|
| `event_id` | the sender's id, unique per shop; a repeat is a duplicate. Without one a repeat cannot be recognised |
| `time` | RFC 3339 or Unix time, now if missing; with a publishable key at most 7 days ago; never in the future |
| `age_ms` | instead of `time`, for senders whose clock may be wrong: how many milliseconds ago it happened |
| `shopper_id`, `session_id` | who: at least one of the two, or a `transaction_id` |
| `anonymous_id` | the id that the widget gave this browser before: what was kept under it becomes the shopper's |
| `items` | GA4 items: `item_id`, `quantity`, `price`, `item_list_id`, further ones are kept; at most {MOST_ITEMS} |
| `item_id`, `quantity`, `price` | instead of `items`, for one item |
| `currency`, `value`, `transaction_id` | of an order or a cart |
| `search_term` | of a `search` |
| `item_list_id`, `recommendation_id` | the placement, and the list it showed |

Further fields are kept, up to 8 KB per event. Each event is judged on its own: one that cannot be taken is listed under
`rejected` and does not sink the others. `accepted` events are committed to the database when the answer is sent, and
the shopper's next recommendation knows of them."""


class EventBatch(msgspec.Struct, frozen=True):
    """The events of one request."""

    events: Annotated[list[Any], Meta(description=f"At most {MOST_EVENTS} events, each a JSON object.")]
    consent: Annotated[
        Literal["granted", "denied"],
        Meta(description="`denied`: the shopper wants nothing kept, so nothing is; the answer counts no event."),
    ] = "granted"


async def track(call: Call) -> Answer:
    """`POST /v1/events`."""
    events = call.body.events
    if call.body.consent == "denied":
        return Answer(Outcome(0, 0, []), 202)
    if len(events) > MOST_EVENTS:
        detail = f"`events` has {len(events)} entries. Send at most {MOST_EVENTS} in one request; split what is more."
        raise Problem(413, "Too many events", detail, errors=[InvalidField("/events", detail)])
    try:
        trusted = call.principal.kind == "secret"
        source = None if trusted else call.trace.mark
        outcome = await call.services.ingest.accept(call.shop_id, events, trusted=trusted, source=source)
    except Unavailable as error:
        raise unavailable(str(error)) from error
    return Answer(outcome, 202)


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/events",
        policy=STOREFRONT,
        tag="events",
        summary="Send what shoppers did",
        description=_DESCRIPTION,
        handler=track,
        body=EventBatch,
        body_types=("application/json", "text/plain"),
        answers={202: Outcome},
        problems=(503,),
        examples={
            "body": {
                "events": [
                    {
                        "event_id": "018f3a5c-7f3e-7b61-9a55-0d5a1f2c7e10",
                        "type": "add_to_cart",
                        "time": "2026-03-01T12:00:00Z",
                        "shopper_id": "customer-42",
                        "session_id": "s-9f2",
                        "currency": "EUR",
                        "items": [{"item_id": "SKU-1", "quantity": 1, "price": 19.9}],
                        "item_list_id": "product-page",
                        "recommendation_id": "rec_01JQ7Z3V5N8Y2W4X6T0R9K1M3P",
                    }
                ]
            },
            "answer": {"accepted": 1, "duplicates": 0, "rejected": []},
        },
    ),
)
