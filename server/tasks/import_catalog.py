"""The task that imports a file of items or events, from an upload or from an address, and sets off what follows."""

from typing import Any

import msgspec

from server.catalog.importing import import_items
from server.catalog.options import Constant, ImportOptions
from server.events.erasures import Erasures
from server.events.files import EventOptions, import_events
from server.events.recents import Recents
from server.files.opening import Unreadable
from server.outbound import Outbound, OutboundError
from server.storage import blobs
from server.tasks.run import TaskFailed, TaskRun

STAGES = {"fetching": 1.0, "reading": 4.0, "storing": 5.0, "removing": 1.0}


async def run(run: TaskRun) -> dict[str, Any]:
    """Import the file that the parameters name.

    Raises:
        TaskFailed: the file cannot be used; nothing was changed.

    """
    try:
        options = ImportOptions.of(run.params)
        path = blobs.path_of(run.settings, run.params["blob"])
        if run.params.get("url"):
            await _fetch(run, run.params["url"])
        if not path.exists():
            raise TaskFailed("The uploaded file is no longer there. Send it again.")
        report = await (_events(run, options) if options.kind == "events" else _items(run, options))
    except (Unreadable, msgspec.ValidationError) as error:
        raise TaskFailed(str(error)) from error
    return msgspec.to_builtins(report)


async def _fetch(run: TaskRun, url: str) -> None:
    await run.progress("fetching")
    try:
        with blobs.new_file(run.settings, run.params["blob"]) as path:
            async with Outbound(run.settings) as outbound:
                await outbound.download(url, path, run.settings.import_max_bytes)
    except OutboundError as error:
        raise TaskFailed(f"The file could not be fetched: {error}") from error


async def _items(run: TaskRun, options: ImportOptions) -> Any:
    path, name = blobs.path_of(run.settings, run.params["blob"]), str(run.params.get("filename") or "")
    report = await import_items(run.shop, path, options, run.progress, run.redis, name)
    changes = report.created + report.updated + report.deleted
    if changes or run.shop.live_version_id is None:
        await run.queue.enqueue(run.shop.id, "encode", dedupe_key="encode", size_hint=changes)
    return report


async def _events(run: TaskRun, options: ImportOptions) -> Any:
    path, name = blobs.path_of(run.settings, run.params["blob"]), str(run.params.get("filename") or "")
    wanted = EventOptions(
        format=options.format,
        mapping={field: source for field, source in options.mapping.items() if isinstance(source, str)},
        constants={
            field: str(source.value) for field, source in options.mapping.items() if isinstance(source, Constant)
        },
        currency=options.currency or run.shop.currency,
        locale=options.locale or run.shop.locale,
        timezone=options.timezone or run.shop.timezone,
    )
    try:
        report = await import_events(run.shop, path, wanted, run.progress, Erasures(run.settings), name)
    finally:
        # also where it stopped halfway: what is stored shows as soon as shoppers come back
        await Recents(run.redis).forget(run.shop.id)
    if report.accepted or run.shop.live_version_id is None:
        await run.queue.enqueue(run.shop.id, "reindex", dedupe_key="reindex", size_hint=report.accepted)
    return report
