"""The words by which the linear model compares products: title, brand, categories and tags, no description.

Descriptions repeat what a whole range has in common; the few words of a title tell the line, the shade and the size.
"""

from collections.abc import Sequence

from server.shops.models import Shop
from server.storage import database

_ROWS_AT_ONCE = 5_000
_COLUMNS = ("id", "item_id", "group_id", "title", "brand", "categories", "tags")
_MOST_TAGS = 10


async def wordings(shop: Shop, group_ids: Sequence[str]) -> list[str]:
    """The words of these products, in their order; those of the item that stands for its group."""
    found: dict[str, str] = {}
    last = 0
    while True:
        here = shop.items.filter(id__gt=last).using_db(database.reader()).order_by("id").limit(_ROWS_AT_ONCE)
        rows = await here.values_list(*_COLUMNS)
        for _, item_id, group_id, title, brand, categories, tags in rows:
            if group_id not in found or item_id == group_id:
                parts = [title, brand, *categories[:3], " ".join(tags[:_MOST_TAGS])]
                found[group_id] = ". ".join(part for part in parts if part)
        if len(rows) < _ROWS_AT_ONCE:
            return [found.get(group_id, "") for group_id in group_ids]
        last = rows[-1][0]
