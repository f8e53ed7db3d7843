"""Keeps a loaded snapshot true: re-reads what changed in the database and lays it over.

A message names the changed items (`refresh`); after missed messages, or over a snapshot just loaded, `catch_up` finds
out by itself what changed.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tortoise.functions import Count

from server.serving import products
from server.serving.live import Live
from server.shops.models import Shop
from server.storage import database

_GROUPS_AT_ONCE = 200  # one read and its folding keep the event loop for about 10 ms
_IDS_AT_ONCE = 500
_COUNTS_AT_ONCE = 5_000
_MARGIN_MS = 5_000  # clocks of processes differ, and a commit comes later than the time written in its rows


async def refresh(live: Live, shop: Shop, item_ids: Sequence[str]) -> None:
    """Read the products of these items again, those that are gone too."""
    for start in range(0, len(item_ids), _IDS_AT_ONCE):
        part = list(item_ids[start : start + _IDS_AT_ONCE])
        now_in = shop.items.filter(item_id__in=part).using_db(database.reader()).values_list("group_id", flat=True)
        rows = set(live.rows_of(part))  # where they were, if they moved or are gone
        for group_id in set(await now_in):
            row = live.snapshot.ids.find(str(group_id))
            if row >= 0 and live.group_of(row) == group_id:
                rows.add(row)
        await _read_again(live, shop, rows)


async def catch_up(live: Live, shop: Shop) -> None:
    """Bring `live` to the present, from the moment at which it was last known to be true."""
    begun_ms = time.time_ns() // 1_000_000
    since = datetime.fromtimestamp((live.true_ms - _MARGIN_MS) / 1000, UTC)
    last = 0
    while True:
        changed = await (
            shop.items.filter(updated_at__gte=since, id__gt=last)
            .using_db(database.reader())
            .order_by("id")
            .limit(_IDS_AT_ONCE)
            .values_list("id", "item_id")
        )
        if not changed:
            break
        last = changed[-1][0]
        await refresh(live, shop, [item_id for _, item_id in changed])
    if await _some_are_gone(live, shop):
        await _find_gone(live, shop)
    live.true_ms = begun_ms


async def _some_are_gone(live: Live, shop: Shop) -> bool:
    manifest = live.snapshot.manifest
    here = shop.items.all().using_db(database.reader())
    return await here.filter(id__lte=manifest.last_item_id).count() != manifest.items


async def _find_gone(live: Live, shop: Shop) -> None:
    """Compare how many items each product has; read those again that lost some."""
    seen = [False] * live.snapshot.count
    last = ""
    while True:
        counts = await (
            shop.items.filter(group_id__gt=last)
            .using_db(database.reader())
            .annotate(members=Count("id"))
            .group_by("group_id")
            .order_by("group_id")
            .limit(_COUNTS_AT_ONCE)
            .values_list("group_id", "members")
        )
        if not counts:
            break
        last = counts[-1][0]
        for group_id, members in counts:
            row = live.snapshot.ids.find(group_id)
            if row >= 0 and live.group_of(row) == group_id:
                seen[row] = members == live.snapshot.members[row]
        await asyncio.sleep(0)
    await _read_again(live, shop, (row for row, same in enumerate(seen) if not same))


async def _read_again(live: Live, shop: Shop, rows: Iterable[int]) -> None:
    by_group = {live.group_of(row): row for row in rows}
    groups = list(by_group)
    for start in range(0, len(groups), _GROUPS_AT_ONCE):
        part = groups[start : start + _GROUPS_AT_ONCE]
        current = await products.of_groups(shop, part)
        live.apply({by_group[group_id]: current.get(group_id) for group_id in part})
        await asyncio.sleep(0)
