"""The audit log as people read it: each entry with the address of the person who did it."""

from server.access.people.models import Person
from server.shops.models import AuditEntry, Shop
from server.storage import database


async def entries(shop: Shop, *, before: int | None, most: int) -> list[tuple[AuditEntry, str]]:
    """The shop's latest entries, from the one before the id `before`; "" for who has no account, such as a key."""
    found = AuditEntry.filter(shop_id=shop.id).using_db(database.reader()).order_by("-id")
    rows = await (found.filter(id__lt=before) if before is not None else found).limit(most)
    people = {row.actor_id for row in rows if row.actor_kind in ("member", "person")}
    named = Person.filter(id__in=people).using_db(database.reader())
    names: dict[str, str] = dict(await named.values_list("id", "email")) if people else {}
    return [(row, names.get(row.actor_id, "")) for row in rows]
