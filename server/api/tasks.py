"""Tasks of a shop: start, list, follow, cancel, run again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import StreamingResponse

from server.access.policies import SHOP
from server.api.news import News
from server.api.operation import Answer, Call, Media, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import Problem, invalid, not_found
from server.storage import database
from server.tasks.models import RecommendationTask
from server.tasks.queue import WrongStatus

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED = frozenset({"succeeded", "failed", "cancelled"})
STARTABLE = ("reindex", "encode", "train", "evaluate")  # an import starts with its file, see imports.py
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]  # what numpy's and torch's generators both take
_LOOK_EVERY_S = 2.0  # a stream reads the row this often even when no message came
_HEARTBEAT_S = 15.0  # proxies cut a connection that is silent for a minute, some for thirty seconds


class NewTask(msgspec.Struct, frozen=True):
    """A task to start."""

    kind: Annotated[
        str,
        Meta(
            max_length=32,
            description="`encode`: turn what changed into vectors, then reindex. `reindex`: make serving's files from "
            "all items and events anew. `train`: learn a new model; it goes live if it proves better than the one that "
            "is. `evaluate`: what such a training would give now, as its result; nothing goes live.",
        ),
    ]
    seed: Annotated[
        Seed | None,
        Meta(description="Of `train` and `evaluate`: the same data and seed give the same result. 0 if left out."),
    ] = None


class PublicTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task."""

    id: str
    kind: str
    status: Status
    stage: str
    progress: Annotated[float, Meta(ge=0, le=1)]
    detail: Annotated[dict[str, Any], Meta(description="Of the stage: `done`, `total`, `unit`, `seconds_left`.")]
    attempts: int
    cancel_requested: bool
    error: str | None
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class TaskPage(msgspec.Struct, frozen=True):
    """One page of tasks, newest first."""

    data: list[PublicTask]
    next_cursor: str | None


class TaskQuery(PageQuery, frozen=True, kw_only=True):
    """Which tasks to list."""

    status: Status | None = None
    kind: Annotated[str, Meta(max_length=32)] | None = None


class TaskResult(msgspec.Struct, frozen=True):
    """What a task that succeeded found or did."""

    result: dict[str, Any]


def public(task: RecommendationTask) -> PublicTask:
    """The task as callers see it."""
    fields: dict[str, Any] = {name: getattr(task, name) for name in PublicTask.__struct_fields__}
    return PublicTask(**fields)


def accepted(task: RecommendationTask) -> Answer:
    """A 202 that says where to follow the task."""
    return Answer(public(task), status=202, headers=(("location", f"/v1/tasks/{task.id}"),))


async def create(call: Call) -> Answer:
    """Start a task. While one of its kind, and with its seed, is queued, that one is it."""
    wanted: NewTask = call.body
    if wanted.kind == "import":
        raise invalid("/kind", "An import starts with its file: POST /v1/imports.")
    if wanted.kind not in STARTABLE:
        raise invalid("/kind", f"There is no task {wanted.kind!r} here. Send one of {', '.join(STARTABLE)}.")
    if wanted.seed is not None and wanted.kind not in ("train", "evaluate"):
        raise invalid("/seed", f"A task {wanted.kind!r} takes no seed. Leave it out.")
    params = {} if wanted.seed is None else {"seed": wanted.seed}
    key = ":".join([wanted.kind, *map(str, params.values())])
    return accepted(await call.services.queue.enqueue(call.shop_id, wanted.kind, params, dedupe_key=key))


async def listing(call: Call) -> TaskPage:
    """The shop's tasks, newest first."""
    query: TaskQuery = call.query
    found = RecommendationTask.filter(shop_id=call.shop_id).using_db(database.reader()).order_by("-id")
    if query.cursor:
        found = found.filter(id__lt=read_cursor(query.cursor, str))
    if query.status:
        found = found.filter(status=query.status)
    if query.kind:
        found = found.filter(kind=query.kind)
    rows = await found.limit(query.limit + 1)
    page = [public(row) for row in rows[: query.limit]]
    return TaskPage(page, cursor_after(page[-1].id) if len(rows) > query.limit else None)


async def show(call: Call) -> PublicTask:
    """One task."""
    return public(await _task(call))


async def cancel(call: Call) -> Answer:
    """Cancel a task: a queued one at once, a running one within two seconds."""
    try:
        task = await call.services.queue.request_cancel(call.shop_id, call.path["task_id"])
    except WrongStatus as error:
        raise Problem(409, "The task has already ended", str(error)) from None
    if task is None:
        raise not_found("task", call.path["task_id"])
    return Answer(public(task), status=202)


async def retry(call: Call) -> Answer:
    """Run a failed or cancelled task again."""
    try:
        task = await call.services.queue.retry(call.shop_id, call.path["task_id"])
    except WrongStatus as error:
        raise Problem(409, "The task cannot be run again now", str(error)) from None
    if task is None:
        raise not_found("task", call.path["task_id"])
    return accepted(task)


async def result(call: Call) -> TaskResult:
    """The result of a task that succeeded."""
    task = await _task(call)
    if task.status in ("failed", "cancelled"):
        detail = f"The task {task.status}{': ' + task.error if task.error else ''}. Run it again with POST …/retry."
        raise Problem(409, "The task has no result", detail)
    if task.status != "succeeded":
        detail = f"The task is {task.status}. Ask again when it has succeeded, or follow it at …/stream."
        raise Problem(409, "The task has no result yet", detail)
    return TaskResult(task.result or {})


async def stream(call: Call) -> StreamingResponse:
    """Follow a task as server-sent events, until it has ended."""
    task = await _task(call)
    headers = {"cache-control": "private, no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _events(call.shop_id, task, call.services.news), media_type="text/event-stream", headers=headers
    )


async def _events(shop_id: str, task: RecommendationTask, news: News) -> AsyncIterator[bytes]:
    """One event for the row as it is, and one for every change of it."""
    clock = asyncio.get_running_loop().time
    sent, spoke_at = b"", 0.0
    with news.of_task(task.id) as changed:
        while True:
            data = msgspec.json.encode(public(task))
            if data != sent:
                yield b"event: task\ndata: " + data + b"\n\n"
                sent, spoke_at = data, clock()
            elif clock() - spoke_at > _HEARTBEAT_S:
                yield b": still here\n\n"
                spoke_at = clock()
            if task.status in ENDED or news.closed:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await changed.wait()
            changed.clear()
            row = await RecommendationTask.get_or_none(shop_id=shop_id, id=task.id, using_db=database.reader())
            if row is None:  # its shop was removed
                return
            task = row


async def _task(call: Call) -> RecommendationTask:
    rows = RecommendationTask.filter(shop_id=call.shop_id, id=call.path["task_id"])
    task = await rows.using_db(database.reader()).first()
    if task is None:
        raise not_found("task", call.path["task_id"])
    return task


def _operation(method: str, path: str, summary: str, handler: Any, **more: Any) -> Operation:
    return Operation(method=method, path=path, policy=SHOP, tag="tasks", summary=summary, handler=handler, **more)


_EVENT = {"type": "object", "properties": {"event": {"const": "task"}, "data": {"type": "string"}}}
OPERATIONS = (
    _operation(
        "POST",
        "/v1/tasks",
        "Start a task",
        create,
        body=NewTask,
        answers={202: PublicTask},
        examples={"body": {"kind": "train", "seed": 0}},
    ),
    _operation("GET", "/v1/tasks", "List tasks, newest first", listing, query=TaskQuery, answers={200: TaskPage}),
    _operation("GET", "/v1/tasks/{task_id}", "Get a task", show, answers={200: PublicTask}, problems=(404,)),
    _operation(
        "POST", "/v1/tasks/{task_id}/cancel", "Cancel a task", cancel, answers={202: PublicTask}, problems=(404, 409)
    ),
    _operation(
        "POST",
        "/v1/tasks/{task_id}/retry",
        "Run a failed or cancelled task again",
        retry,
        answers={202: PublicTask},
        problems=(404, 409),
    ),
    _operation(
        "GET",
        "/v1/tasks/{task_id}/result",
        "Get a task's result",
        result,
        answers={200: TaskResult},
        problems=(404, 409),
    ),
    _operation(
        "GET",
        "/v1/tasks/{task_id}/stream",
        "Follow a task as server-sent events",
        stream,
        description="An event `task` with the task as its data, at once and at every change, until the task has ended.",
        answers={200: Media("text/event-stream", _EVENT)},
        problems=(404,),
    ),
)
