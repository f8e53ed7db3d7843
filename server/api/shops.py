"""Shops: the operator opens them, or people who may; everyone sees their own."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.access.people.models import Person
from server.access.policies import OPENING, SHOPS
from server.access.shops import SlugTaken, open_shop
from server.api.operation import Answer, Call, Operation
from server.api.pages import PageQuery, cursor_after, read_cursor
from server.api.problems import Problem, invalid, not_found
from server.shops.fields import Currency, Locale, Name, ShopSettings, Slug, Timezone, is_currency, is_timezone
from server.shops.models import Shop
from server.shops.roles import rank
from server.storage import database
from server.storage.identifiers import may_be_id


class NewShop(msgspec.Struct, frozen=True, kw_only=True):
    """A shop to open."""

    name: Name
    slug: Slug | None = None
    currency: Currency = "EUR"
    locale: Locale = "en"
    timezone: Timezone = "UTC"


class PublicShop(msgspec.Struct, frozen=True, kw_only=True):
    """A shop."""

    id: str
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    settings: ShopSettings
    created_at: datetime


class ShopChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a shop; what is left out stays."""

    name: Name | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    timezone: Timezone | UnsetType = UNSET
    settings: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="The settings to change, those of the answer; what is left out stays as it is."),
    ] = UNSET


class FirstKeys(msgspec.Struct, frozen=True):
    """The keys of a new shop, shown this once."""

    publishable: Annotated[
        str, Meta(description="For pages. It works on every origin until you make one that lists yours.")
    ]
    secret: Annotated[str, Meta(description="For the shop's own servers.")]


class OpenedShop(PublicShop, frozen=True, kw_only=True):
    """A new shop and its first keys."""

    keys: FirstKeys


class ShopPage(msgspec.Struct, frozen=True):
    """One page of shops."""

    data: list[PublicShop]
    next_cursor: str | None


async def create(call: Call) -> Answer:
    """Open a shop."""
    wanted: NewShop = call.body
    owner_id = await _opener(call)
    _check(wanted.currency, wanted.timezone)
    try:
        opened = await open_shop(**msgspec.structs.asdict(wanted), owner_id=owner_id)
    except SlugTaken as taken:
        detail = f"Another shop has the slug {str(taken)!r}. Send another `slug`."
        raise Problem(409, "The slug is taken", detail) from None
    call.shop_id = opened.shop.id
    call.note(opened.shop.id, name=wanted.name)
    keys = FirstKeys(opened.publishable_key, opened.secret_key)
    return Answer(OpenedShop(**_fields(opened.shop), keys=keys), status=201)


async def change(call: Call) -> PublicShop:
    """Change a shop's own facts and settings."""
    changes: ShopChanges = call.body
    shop = await _one(call)
    _check(changes.currency or None, changes.timezone or None)
    named = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    if "settings" in named:
        named["settings"] = _merged(shop, named["settings"])
    if named:
        await Shop.filter(id=shop.id).update(**named)
    return PublicShop(**_fields(await Shop.get(id=shop.id)))


async def _one(call: Call) -> Shop:
    """The shop of the path: any for the operator, its own for a secret key, one that they own for a person."""
    shop_id: str = call.path["shop_id"]
    seen = _sees(call, shop_id) and may_be_id(shop_id)
    shop = await Shop.get_or_none(id=shop_id) if seen else None
    if shop is None:
        raise not_found("shop", shop_id)
    if call.principal.kind == "member" and call.principal.rank_in(shop_id) < rank("owner"):
        raise Problem(403, "That is not allowed with this credential", "Only an owner of the shop may change it.")
    call.shop_id = shop_id
    return shop


def _sees(call: Call, shop_id: str) -> bool:
    if call.principal.kind == "member":
        return shop_id in call.principal.shops
    return call.principal.kind == "operator" or shop_id == call.shop_id


async def _opener(call: Call) -> str:
    """The person who is to own a new shop; empty where the operator opens it."""
    if call.principal.kind != "member":
        return ""
    person = await Person.get(id=call.principal.key_id)
    if not person.runs_installation and call.services.settings.sign_up != "open":
        detail = "On this installation the operator opens shops. Ask for one to be opened, and for an invitation to it."
        raise Problem(403, "You may not open shops", detail)
    return person.id


def _merged(shop: Shop, changes: dict[str, Any]) -> dict[str, Any]:
    """The shop's settings with these changes.

    Raises:
        Problem: they are not settings.

    """
    merged = shop.settings | changes
    try:
        msgspec.convert(merged, ShopSettings)
    except msgspec.ValidationError as error:
        raise invalid("/settings", f"{error}. Send settings as the answer shows them.") from None
    return merged


def _check(currency: str | None, timezone: str | None) -> None:
    if currency and not is_currency(currency):
        raise invalid("/currency", f"ISO 4217 has no currency {currency}. Send a code such as EUR or USD.")
    if timezone and not is_timezone(timezone):
        raise invalid("/timezone", "There is no such time zone. Send an IANA name such as Europe/Berlin.")


async def listing(call: Call) -> ShopPage:
    """All shops for the operator; a secret key's own."""
    query: PageQuery = call.query
    if call.principal.kind == "secret":
        return ShopPage([PublicShop(**_fields(await call.shop()))], None)
    shops = Shop.all().using_db(database.reader()).order_by("id").limit(query.limit + 1)
    if call.principal.kind == "member":
        shops = shops.filter(id__in=call.principal.shops)
    if query.cursor:
        shops = shops.filter(id__gt=read_cursor(query.cursor, str))
    found = await shops
    more = len(found) > query.limit
    page = [PublicShop(**_fields(shop)) for shop in found[: query.limit]]
    return ShopPage(page, cursor_after(page[-1].id) if more else None)


def _fields(shop: Shop) -> dict[str, Any]:
    return {name: getattr(shop, name) for name in PublicShop.__struct_fields__} | {"settings": shop.choices}


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/shops",
        policy=OPENING,
        tag="access",
        summary="Open a shop, with its first two keys",
        description="The keys are in this answer and nowhere else: only their hashes are stored.",
        handler=create,
        body=NewShop,
        answers={201: OpenedShop},
        problems=(409,),
        examples={"body": {"name": "Linen & Co", "currency": "EUR", "locale": "en", "timezone": "Europe/Berlin"}},
    ),
    Operation(
        method="GET",
        path="/v1/shops",
        policy=SHOPS,
        tag="access",
        summary="List one's shops",
        handler=listing,
        query=PageQuery,
        answers={200: ShopPage},
        problems=(404,),
    ),
    Operation(
        method="PATCH",
        path="/v1/shops/{shop_id}",
        policy=SHOPS,
        tag="access",
        summary="Change a shop's facts and settings",
        handler=change,
        body=ShopChanges,
        answers={200: PublicShop},
        problems=(404,),
        examples={"body": {"settings": {"new_items_share": 0.1, "training": "automatic"}}},
    ),
)
