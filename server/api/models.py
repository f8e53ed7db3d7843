"""Versions of a shop's model: what each is worth by its own test, which one answers, and the way back."""

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.access.policies import SHOP
from server.api.operation import Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import Problem, not_found
from server.learning import versions
from server.learning.versions import FilesGone
from server.serving.models import ModelVersion
from server.shops.models import Shop
from server.storage import database


class PublicModel(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a shop's model."""

    id: Annotated[str, Meta(description="`m_` and the number; recommendations tell it as `model_version`.")]
    number: Annotated[int, Meta(description="Counts up within the shop.")]
    kind: Annotated[
        Literal["build", "training"],
        Meta(
            description="`training`: learned anew, and judged. `build`: the catalog or events changed; the trained "
            "model in it, if any, is that of `trained_by`."
        ),
    ]
    stack: Annotated[
        str,
        Meta(
            description="The largest stage that answers: `newest`, `content`, `co-visitation`, `linear`, `two-tower`, "
            "`two-stage`."
        ),
    ]
    live: Annotated[bool, Meta(description="Whether it answers now.")]
    available: Annotated[bool, Meta(description="Whether it can be activated: its files are kept.")]
    trained_by: Annotated[str | None, Meta(description="The training whose model it serves; null for none.")]
    metrics: Annotated[dict[str, Any], Meta(description="What it was made of: `products`, `items`, `events`.")]
    verdict: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Of a training: `accepted`, `reason` in plain words, `figures` by model and measure, "
            "`comparisons`, `seed`, `events`, `cases`."
        ),
    ]
    seconds: Annotated[float | None, Meta(description="How long the making took.")]
    created_at: datetime


class ModelPage(msgspec.Struct, frozen=True):
    """One page of versions, newest first."""

    data: list[PublicModel]
    next_cursor: str | None


async def listing(call: Call) -> ModelPage:
    """The shop's versions, newest first."""
    query: PageQuery = call.query
    live_id = await _live_id(call)
    found = ModelVersion.filter(shop_id=call.shop_id).using_db(database.reader()).order_by("-number")
    if query.cursor:
        found = found.filter(number__lt=read_cursor(query.cursor, int))
    rows = await found.limit(query.limit + 1)
    page = rows[: query.limit]
    data = [_public(row, live_id) for row in page]
    return ModelPage(data, cursor_after(page[-1].number) if len(rows) > query.limit else None)


async def show(call: Call) -> PublicModel:
    """One version."""
    return _public(await _version(call), await _live_id(call))


async def activate(call: Call) -> PublicModel:
    """Let a version answer from now on, in every process."""
    version, shop = await _version(call), await call.shop()
    try:
        await versions.require_files(shop, version, call.services.settings)
        return await call.changed(partial(_activated, call, shop, version))
    except FilesGone as error:
        raise Problem(409, "The version cannot be activated", str(error)) from None


async def _activated(call: Call, shop: Shop, version: ModelVersion) -> PublicModel:
    await versions.activate(shop, version, call.services.redis)
    return _public(version, version.id)


def _public(row: ModelVersion, live_id: int | None) -> PublicModel:
    # models/{shop}/{number}-{…}: the folder's name keeps the training, whose row may be long gone
    trainer = row.trained.rpartition("/")[2].partition("-")[0]
    return PublicModel(
        id=f"m_{row.number}",
        number=row.number,
        kind="training" if row.kind == "training" else "build",
        stack=row.stack,
        live=row.id == live_id,
        available=bool(row.folder),
        trained_by=f"m_{trainer}" if trainer else None,
        metrics=row.metrics,
        verdict=row.verdict,
        seconds=row.seconds,
        created_at=row.created_at,
    )


async def _version(call: Call) -> ModelVersion:
    name: str = call.path["model_id"]
    number = name.removeprefix("m_")
    # nine digits fit the column; whatever else it is, there is no such version
    if re.fullmatch("m_[1-9][0-9]{0,8}", name):
        row = await ModelVersion.get_or_none(shop_id=call.shop_id, number=int(number), using_db=database.reader())
        if row is not None:
            return row
    raise not_found("model", name)


async def _live_id(call: Call) -> int | None:
    shops = Shop.filter(id=call.shop_id).using_db(database.reader())
    found: Any = await shops.values_list("live_version_id", flat=True)
    return next(iter(found), None)


def _operation(method: str, path: str, summary: str, handler: Any, **more: Any) -> Operation:
    return Operation(method=method, path=path, policy=SHOP, tag="models", summary=summary, handler=handler, **more)


_EXAMPLE = {
    "id": "m_7",
    "number": 7,
    "kind": "training",
    "stack": "two-stage",
    "live": True,
    "available": True,
    "trained_by": "m_7",
    "metrics": {"products": 3659, "items": 3659, "events": 396337},
    "verdict": {
        "accepted": True,
        "stack": "two-stage",
        "reason": "It finds 117% more than co-visitation, and 21% more than the model that was live of what shoppers "
        "took next, on events that no model was taught.",
        "figures": {
            "co-visitation": {"ndcg@10": 0.1594, "recall@10": 0.1871, "coverage": 0.41},
            "live": {"ndcg@10": 0.2853, "recall@10": 0.3306, "coverage": 0.52},
            "two-stage": {"ndcg@10": 0.3464, "recall@10": 0.3912, "coverage": 0.58},
        },
        "comparisons": [{"against": "live", "measure": "ndcg@10", "difference": 0.0611, "low": 0.048, "high": 0.0742}],
        "seed": 0,
        "events": 396337,
        "cases": 1375,
    },
    "seconds": 71.4,
    "created_at": "2026-01-10T03:24:51Z",
}
OPERATIONS = (
    _operation(
        "GET",
        "/v1/models",
        "List versions of the model, newest first",
        listing,
        query=PageQuery,
        answers={200: ModelPage},
        examples={"answer": {"data": [_EXAMPLE], "next_cursor": None}},
    ),
    _operation(
        "GET",
        "/v1/models/{model_id}",
        "Get a version of the model",
        show,
        answers={200: PublicModel},
        problems=(404,),
        examples={"answer": _EXAMPLE},
    ),
    _operation(
        "POST",
        "/v1/models/{model_id}/activate",
        "Let a version answer: also the way back to an earlier one",
        activate,
        changes_late=True,
        description="At once in every process. The catalog stays as it is now; later builds keep the trained model of "
        "this version until a training puts a better one in its place.",
        answers={200: PublicModel},
        problems=(404, 409),
        examples={"answer": _EXAMPLE},
    ),
)
