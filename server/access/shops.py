"""Opening a shop: its row and its first two keys, together or not at all."""

from dataclasses import dataclass

from tortoise.exceptions import IntegrityError

from server.access import keys
from server.shops import members
from server.shops.fields import slug_of
from server.shops.models import Shop
from server.storage import database
from server.storage.identifiers import new_id

_MOST_TRIES = 20  # a twenty-first shop of the same name is asked to choose a slug


class SlugTaken(ValueError):  # noqa: N818 - it reads as what happened
    """Another shop has this slug."""


@dataclass(frozen=True, slots=True)
class OpenedShop:
    """A new shop, and its keys as nobody will see them again."""

    shop: Shop
    publishable_key: str
    secret_key: str


async def open_shop(
    *, name: str, slug: str | None, currency: str, locale: str, timezone: str, owner_id: str = ""
) -> OpenedShop:
    """Open a shop, which belongs to the person `owner_id`. Without a slug one is made from the name.

    Raises:
        SlugTaken: that slug is in use.

    """
    if slug:
        return await _open(name, slug, currency, locale, timezone, owner_id)
    wanted = slug_of(name)
    for number in range(1, _MOST_TRIES + 1):
        free = wanted if number == 1 else f"{wanted}-{number}"
        if not await Shop.exists(slug=free):
            return await _open(name, free, currency, locale, timezone, owner_id)
    raise SlugTaken(wanted)


async def _open(name: str, slug: str, currency: str, locale: str, timezone: str, owner_id: str) -> OpenedShop:
    try:
        async with database.transaction() as connection:
            shop = await Shop.create(
                using_db=connection,
                id=new_id("shop"),
                slug=slug,
                name=name,
                currency=currency,
                locale=locale,
                timezone=timezone,
            )
            _, publishable = await keys.create(shop, "publishable", name="First publishable key", connection=connection)
            _, secret = await keys.create(shop, "secret", name="First secret key", connection=connection)
            if owner_id:
                await members.add(shop.id, owner_id, "owner", connection=connection)
    except IntegrityError:
        raise SlugTaken(slug) from None
    return OpenedShop(shop, publishable, secret)
