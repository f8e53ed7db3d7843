"""Imports a catalog file in two passes: read and check all of it, then apply it in short transactions.

Nothing changes when the file as a whole is unusable, or would remove more than half of the catalog.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis

from server.catalog import items, storing
from server.catalog.feeds.rows import Problem
from server.catalog.models import Item
from server.catalog.options import ImportOptions
from server.catalog.reading import Reading, read, unpack
from server.files.opening import Unreadable, inspect
from server.files.passes import Progress, Watch, read_in_thread
from server.files.spool import Spool
from server.shops.models import Shop
from server.storage import database

_BATCH = 250  # with the search index about 80 ms of SQLite's only writer
_IDS_AT_ONCE = 5_000
# SQLite has one writer: between two batches others get their turn for this part of the time that a batch took
_PAUSE_SHARE = 0.3
_LEAST_PAUSE_S = 0.005


class WouldShrink(Unreadable):
    """The import would remove more than half of the catalog, and was not told that this is meant."""


class ItemsReport(msgspec.Struct, kw_only=True):
    """What an import did. `rejections` holds the first 100 rejected rows."""

    kind: str = "items"
    format: str = ""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    products: int = 0
    warnings: list[str] = []
    rejections: list[Problem] = []


async def import_items(
    shop: Shop, path: Path, options: ImportOptions, progress: Progress, redis: "Redis", filename: str = ""
) -> ItemsReport:
    """Bring a file into a shop's catalog. The same file once more changes nothing.

    Raises:
        Unreadable: the file cannot be used; the catalog is as it was.
        WouldShrink: it would remove more than half of the catalog; the catalog is as it was.

    """
    options = msgspec.structs.replace(options, locale=options.locale or shop.locale)
    currency = options.currency or shop.currency

    with Spool(path.parent) as spool:
        found = Reading(spool)

        def first_pass(watch: Watch) -> None:
            opened = inspect(path, filename, options.locale)
            read(opened, options, currency, found, watch)
            if opened.cut_off and options.mode == "replace":
                raise Unreadable(
                    "The end of the file is missing, so what is not in it cannot be removed. Send all of it."
                )

        await read_in_thread(first_pass, "reading", progress)
        gone = await _gone(shop, found, options)
        report = ItemsReport(format=found.format, rejected=found.rejected, rejections=found.rejections)
        report.warnings = found.warnings
        await _apply(shop, found, report, progress, redis)
        await _remove(shop, gone, report, progress, redis)
    report.products = await _count_products(shop)
    return report


async def _gone(shop: Shop, found: Reading, options: ImportOptions) -> list[str]:
    """The ids of items to remove: those withdrawn, and with `replace` those that the file does not name.

    Raises:
        WouldShrink: these are more than half of the catalog.

    """
    gone: list[str] = []
    total = 0
    last = 0
    while True:
        query = Item.filter(shop_id=shop.id, id__gt=last).order_by("id").limit(_IDS_AT_ONCE).using_db(database.reader())
        known = await query.values_list("id", "item_id")
        if not known:
            break
        total += len(known)
        last = known[-1][0]
        for _, item_id in known:
            if item_id in found.withdrawn or (options.mode == "replace" and not found.names(item_id)):
                gone.append(item_id)
    if len(gone) * 2 > total and not options.allow_shrink:
        raise WouldShrink(
            f"This import would remove {len(gone):,} of {total:,} items, more than half of the catalog. Nothing was "
            "changed. If this is meant, send it again with allow_shrink set to true."
        )
    return gone


async def _apply(shop: Shop, found: Reading, report: ItemsReport, progress: Progress, redis: "Redis") -> None:
    await progress("storing", 0, found.items, "items")
    done = 0
    records = found.prepared()
    while batch := list(islice(records, _BATCH)):
        known = await storing.stored_hashes(database.reader(), shop.id, [record[0] for record in batch])
        changed = [unpack(record) for record in batch if known.get(record[0]) != record[1]]
        if changed:
            started = time.monotonic()
            async with database.transaction() as connection:
                written = await storing.write(connection, shop.id, changed)
            report.created += len(written.created)
            report.updated += len(written.updated)
            # nobody shows items of a shop that was never served, so there is no news in its first ones
            await items.tell(redis, shop.id, written.ids if shop.live_version_id else written.updated)
            await _make_room(time.monotonic() - started)
        report.unchanged += len(batch) - len(changed)
        done += len(batch)
        await progress("storing", done, found.items, "items")


async def _remove(shop: Shop, gone: list[str], report: ItemsReport, progress: Progress, redis: "Redis") -> None:
    for part in _parts(gone):
        started = time.monotonic()
        async with database.transaction() as connection:
            removed = await storing.remove(connection, shop.id, part)
        report.deleted += len(removed)
        await items.tell(redis, shop.id, removed)
        await progress("removing", report.deleted, len(gone), "items")
        await _make_room(time.monotonic() - started)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


async def _make_room(took_s: float) -> None:
    await asyncio.sleep(max(_LEAST_PAUSE_S, took_s * _PAUSE_SHARE) if database.is_sqlite() else 0)


async def _count_products(shop: Shop) -> int:
    mark = "?" if database.is_sqlite() else "$1"
    query = f"SELECT COUNT(DISTINCT group_id) AS products FROM items WHERE shop_id = {mark}"  # noqa: S608 (only a mark)
    _, rows = await database.reader().execute_query(query, [shop.id])
    first: Any = rows[0]
    return int(first["products"])
