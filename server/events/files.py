"""Imports a file of events (CSV or JSON lines) in two passes: read and check all of it, then store it in batches.

Rows without an `event_id` get one made from their content: equal rows are one event, and importing again adds nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from server.events.erasures import Erasures
from server.events.store import EventRow, store
from server.events.tables import TableOfEvents
from server.events.written import Rejection, RowRefused, rows_of_line
from server.files import delimited, lines
from server.files.opening import Opened, Unreadable, inspect
from server.files.passes import Progress, Watch, read_in_thread
from server.files.spool import Spool
from server.shops.models import Shop
from server.storage import database

MOST_REJECTIONS = 100  # that are told one by one
_BATCH = 5_000  # rows; about 0.1 s of SQLite's only writer
_TICK_EVERY = 2_000
_PAUSE_SHARE = 0.3  # of the time a batch took: others get their turn to write


class EventsReport(msgspec.Struct, kw_only=True):
    """What an import did. `accepted`, `duplicates` and `erased` count events, the last those that were left out because
    their shopper was erased since they happened; `rejections` holds the first 100 rejected rows.
    """

    kind: str = "events"
    format: str = ""
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    erased: int = 0
    warnings: list[str] = []
    rejections: list[Rejection] = []


class EventOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a file. `mapping`: column by field; `constants`: values that all rows share."""

    format: str = "auto"
    mapping: dict[str, str] = {}
    constants: dict[str, str] = {}
    currency: str = ""
    locale: str = ""
    timezone: str = "UTC"


async def import_events(
    shop: Shop, path: Path, options: EventOptions, progress: Progress, erasures: Erasures, filename: str = ""
) -> EventsReport:
    """Bring a file of events into a shop.

    Raises:
        Unreadable: the file cannot be used; nothing was stored.

    """
    report = EventsReport()
    with Spool(path.parent) as spool:

        def first_pass(watch: Watch) -> None:
            opened = inspect(path, filename, options.locale)
            _read(opened, options, spool, report, watch)
            report.warnings += opened.warnings

        await read_in_thread(first_pass, "reading", progress)
        if not spool.count:
            raise Unreadable(_nothing_usable(report))
        await _store(shop, spool, report, progress, erasures)
    if report.erased:
        report.warnings.append(_left_out(report.erased))
    return report


def _read(opened: Opened, options: EventOptions, spool: Spool, report: EventsReport, watch: Watch) -> None:
    start = opened.head.lstrip()
    if options.format not in ("auto", "csv", "jsonl"):
        raise Unreadable(f"Events come as csv or jsonl, not as {options.format}.")
    report.format = options.format if options.format != "auto" else "jsonl" if start.startswith(("{", "[")) else "csv"
    if report.format == "jsonl":
        _read_lines(opened, options, spool, report, watch)
    else:
        _read_table(opened, options, spool, report, watch)


def _read_table(opened: Opened, options: EventOptions, spool: Spool, report: EventsReport, watch: Watch) -> None:
    layout = None if opened.head.lstrip().startswith(("<", "{", "[")) else delimited.layout(opened.head)
    if layout is None:
        raise Unreadable(
            "This is not a table of events: the first line must name columns such as time, item_id and type."
        )
    table = TableOfEvents(layout.columns, options.mapping, options.constants, options.currency, options.timezone)
    for number, record in enumerate(delimited.read(opened, layout), 1):
        if isinstance(record, delimited.Broken):
            _reject(report, Rejection(record.line, "", record.found, record.expected))
        else:
            try:
                spool.add(table.row(record[1]))
            except RowRefused as refused:
                _reject(report, refused.at(record[0]))
        if number % _TICK_EVERY == 0:
            watch.tick(number, opened.progress)


def _read_lines(opened: Opened, options: EventOptions, spool: Spool, report: EventsReport, watch: Watch) -> None:
    if opened.head.lstrip().startswith("["):
        raise Unreadable("This is one JSON array. Write each event as an object on a line of its own.")
    now_ms = time.time_ns() // 1_000_000
    for number, (line, text) in enumerate(lines.read(opened), 1):
        try:
            for row in rows_of_line(text, options.mapping, options.constants, options.timezone, now_ms):
                spool.add(row)
        except RowRefused as refused:
            _reject(report, refused.at(line))
        if number % _TICK_EVERY == 0:
            watch.tick(number, opened.progress)


def _reject(report: EventsReport, rejection: Rejection) -> None:
    report.rejected += 1
    if len(report.rejections) < MOST_REJECTIONS:
        report.rejections.append(rejection)


async def _store(shop: Shop, spool: Spool, report: EventsReport, progress: Progress, erasures: Erasures) -> None:
    """All rows of one event go into one batch: whether it is new is decided once for all of them."""
    await progress("storing", 0, spool.count, "rows")
    done = 0
    rows = (EventRow(*values) for values in spool.read())
    held: list[EventRow] = []
    while True:
        batch = held + list(islice(rows, _BATCH))
        if not batch:
            return
        cut = _end_of_last_whole_event(batch) if len(batch) >= _BATCH else len(batch)
        batch, held = batch[:cut], batch[cut:]
        started = time.monotonic()
        async with database.transaction() as connection:
            left_out = await erasures.left_out(connection, [(shop.id, row) for row in batch])
            kept = [row for row in batch if (shop.id, row.event_id) not in left_out]
            new = await store(connection, shop.id, kept)
        report.accepted += len(new)
        report.duplicates += _count_events(kept) - len(new)
        report.erased += _count_events(batch) - _count_events(kept)
        done += len(batch)
        await progress("storing", done, spool.count, "rows")
        await asyncio.sleep((time.monotonic() - started) * _PAUSE_SHARE if database.is_sqlite() else 0)


def _count_events(rows: Sequence[EventRow]) -> int:
    return sum(row.position == 0 for row in rows)


def _end_of_last_whole_event(batch: Sequence[EventRow]) -> int:
    """Where to cut so that the last event of the batch, which may go on, begins the next one."""
    last = batch[-1].event_id
    cut = len(batch)
    while cut > 0 and batch[cut - 1].event_id == last:
        cut -= 1
    return cut or len(batch)


def _left_out(count: int) -> str:
    what = (
        "1 event was left out: its shopper was"
        if count == 1
        else f"{count:,} events were left out: their shoppers were"
    )
    return f"{what} erased since."


def _nothing_usable(report: EventsReport) -> str:
    if not report.rejections:
        return "The file has no events in it. Nothing was stored."
    first: Any = report.rejections[0]
    where = f"line {first.line}" + (f", column {first.column}" if first.column else "")
    return (
        f"None of the {report.rejected:,} rows could be used. The first: {where}: found “{first.found}”, "
        f"expected {first.expected}. Nothing was stored."
    )
