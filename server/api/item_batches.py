"""Many items in one request, each judged on its own."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.access.policies import SHOP
from server.api.items import EXAMPLE, encode_soon, errors_of
from server.api.operation import MEBIBYTE, Call, Operation
from server.api.problems import InvalidField, Problem
from server.catalog import items
from server.catalog.fields import Invalid, ItemFields, read

MOST_ITEMS = 1_000
_BATCH_BYTES = 32 * MEBIBYTE  # a thousand items with long descriptions; the largest of our samples has 12 KB an item


class ItemBatch(msgspec.Struct, frozen=True):
    """Items to create or replace; each is judged on its own."""

    items: Annotated[list[Any], Meta(description=f"At most {MOST_ITEMS} items, each a JSON object.")]


class DocumentedBatch(msgspec.Struct, frozen=True):
    """Items to create or replace; each is judged on its own."""

    items: Annotated[list[ItemFields], Meta(max_length=MOST_ITEMS)]


class ItemResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one item of a batch."""

    item_id: str | None
    status: Literal["created", "updated", "unchanged", "rejected"]
    errors: list[InvalidField] = []


class BatchResult(msgspec.Struct, frozen=True):
    """What became of a batch; `results` in the order of the items sent."""

    created: int
    updated: int
    unchanged: int
    rejected: int
    results: list[ItemResult]


async def batch(call: Call) -> BatchResult:
    """Create or replace many items; a bad one never sinks the others."""
    sent: list[Any] = call.body.items
    if len(sent) > MOST_ITEMS:
        detail = f"`items` has {len(sent)} entries. Send at most {MOST_ITEMS} in one request; split what is more."
        raise Problem(413, "Too many items", detail, errors=[InvalidField("/items", detail)])
    good: dict[int, ItemFields] = {}
    bad: dict[int, list[InvalidField]] = {}
    for index, raw in enumerate(sent):
        try:
            good[index] = read(raw)
        except Invalid as error:
            bad[index] = errors_of(error.errors, f"/items/{index}")
        except (TypeError, AttributeError):
            bad[index] = [InvalidField(f"/items/{index}", "Each item must be an object.")]
    return await call.changed(partial(_stored, call, sent, good, bad))


async def _stored(
    call: Call, sent: list[Any], good: dict[int, ItemFields], bad: dict[int, list[InvalidField]]
) -> BatchResult:
    outcome = await items.upsert(await call.shop(), list(good.values()), call.services.redis)
    if outcome.created or outcome.updated:
        await encode_soon(call)
    status: dict[str, Any] = dict.fromkeys(outcome.written.created, "created")
    status |= dict.fromkeys(outcome.written.updated, "updated")
    results = [
        ItemResult(_id_of(raw), "rejected", bad[index])
        if index in bad
        else ItemResult(good[index].item_id, status.get(good[index].item_id, "unchanged"))
        for index, raw in enumerate(sent)
    ]
    return BatchResult(outcome.created, outcome.updated, outcome.unchanged, len(bad), results)


def _id_of(raw: Any) -> str | None:
    item_id = raw.get("item_id") if isinstance(raw, dict) else None
    return item_id if isinstance(item_id, str) else None


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/items/batch",
        policy=SHOP,
        tag="catalog",
        summary="Create or replace up to 1,000 items",
        handler=batch,
        body=ItemBatch,
        body_schema=DocumentedBatch,
        body_max_bytes=_BATCH_BYTES,
        changes_late=True,
        answers={200: BatchResult},
        problems=(404,),
        examples={"body": {"items": [{"item_id": "SKU-1", **EXAMPLE}]}},
    ),
)
