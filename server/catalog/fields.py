"""The fields of an item as shops send them, over HTTP or in a feed: types, limits, and words for what is wrong.

`read` turns a plain object into checked `ItemFields`, or raises `Invalid` with one entry per field that is wrong.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MOST_DESCRIPTION = 100_000  # characters; the longest in our sample catalogs has 3,000
MOST_ATTRIBUTES = 65_536  # bytes of JSON
_DEEPEST = 8  # levels of objects and lists within `attributes`

Availability = Literal["in_stock", "out_of_stock", "preorder", "backorder", "discontinued"]
RECOMMENDABLE = frozenset({"in_stock", "preorder", "backorder"})

ItemId = Annotated[
    str,
    Meta(
        min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", description="The shop's own id of the item."
    ),
]
Address = Annotated[str, Meta(max_length=2048)]
Price = Annotated[float, Meta(ge=0, lt=1e12)]
Path = Annotated[str, Meta(max_length=512)]
Tag = Annotated[str, Meta(max_length=256)]
_Many = Annotated[list[ItemId], Meta(max_length=200)]


class Links(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Items that the shop itself has tied to this one, by `item_id` or `group_id`."""

    related: _Many = []
    upsell: _Many = []
    cross_sell: _Many = []
    grouped: _Many = []


class ItemFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a shop can say about an item."""

    item_id: ItemId
    title: Annotated[str, Meta(min_length=1, max_length=1000, description="Its name, as shoppers read it.")]
    description: Annotated[str, Meta(max_length=MOST_DESCRIPTION, description="Plain text.")] = ""
    url: Annotated[Address, Meta(description="The product's page: http(s), or a path that begins with `/`.")] = ""
    image_url: Annotated[Address, Meta(description="The main picture: http(s), or a path that begins with `/`.")] = ""
    additional_image_urls: Annotated[list[Address], Meta(max_length=100)] = []
    price: Annotated[Price | None, Meta(description="The regular price.")] = None
    sale_price: Annotated[Price | None, Meta(description="The reduced price, at most `price`.")] = None
    currency: Annotated[
        str, Meta(pattern="^([A-Z]{3})?$", description="ISO 4217; empty means the shop's own currency.")
    ] = ""
    availability: Availability = "in_stock"
    brand: Annotated[str, Meta(max_length=256)] = ""
    categories: Annotated[list[Path], Meta(max_length=100, description='Paths such as "Men > Shirts".')] = []
    tags: Annotated[list[Tag], Meta(max_length=250)] = []
    group_id: Annotated[
        ItemId | None, Meta(description="Shared by the variants of one product; the item's own id if it has none.")
    ] = None
    attributes: Annotated[dict[str, Any], Meta(description="Anything else worth knowing, such as colour or size.")] = {}
    links: Links = Links()


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with an item: where (a JSON pointer), and what to send instead."""

    pointer: str
    detail: str


class Invalid(ValueError):  # noqa: N818  it reads as what happened
    """The fields do not make an item."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(" ".join(error.detail for error in errors))
        self.errors = errors


_TYPES = {field.name: field.type for field in msgspec.structs.fields(ItemFields)}
_REQUIRED = tuple(field.name for field in msgspec.structs.fields(ItemFields) if field.required)
_TEXTS = ("title", "description", "brand")
_EXPECTED = {
    "item_id": "the shop's own id of the item: 1 to 128 characters without control characters",
    "group_id": "an id shared by the variants of one product: 1 to 128 characters without control characters, or null",
    "title": "a text of 1 to 1,000 characters",
    "description": f"a text of at most {MOST_DESCRIPTION:,} characters",
    "url": "an address of at most 2,048 characters that begins with http://, https:// or /",
    "image_url": "an address of at most 2,048 characters that begins with http://, https:// or /",
    "additional_image_urls": "a list of at most 100 addresses that begin with http://, https:// or /",
    "price": "a number from 0 to below 1e12, or null",
    "sale_price": "a number from 0 to the regular price, or null",
    "currency": "an ISO 4217 code of three capital letters such as EUR",
    "availability": "one of in_stock, out_of_stock, preorder, backorder, discontinued",
    "brand": "a text of at most 256 characters",
    "categories": 'a list of at most 100 paths such as "Men > Shirts", each of at most 512 characters',
    "tags": "a list of at most 250 texts, each of at most 256 characters",
    "attributes": "a JSON object of at most 64 KiB and eight levels",
    "links": "an object with lists of item ids under related, upsell, cross_sell and grouped",
}
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_POINTER = re.compile(r" - at `\$(.*)`$")
_dump = msgspec.json.Encoder(order="deterministic").encode


def expected(name: str) -> str:
    """What a field wants, in words."""
    return _EXPECTED.get(name, "another value")


def read(raw: Mapping[str, Any]) -> ItemFields:
    """Check an object and clean its texts.

    Raises:
        Invalid: with one entry per field that is wrong.

    """
    try:
        fields = msgspec.convert(raw, ItemFields)
    except (msgspec.ValidationError, OverflowError):
        raise Invalid(_errors(raw)) from None
    return check(fields)


def check(fields: ItemFields) -> ItemFields:
    """Check what types cannot say (addresses, prices against each other, depth), and clean the texts.

    Raises:
        Invalid: with one entry per field that is wrong.

    """
    errors: list[FieldError] = []
    changes: dict[str, Any] = {}
    for name in _TEXTS:
        text: str = getattr(fields, name)
        if not (text.isascii() and text.isprintable()) and (tidy := _tidy(text)) != text:
            changes[name] = tidy
    if not changes.get("title", fields.title).strip():
        errors.append(FieldError("/title", f"`title` is empty. Send {_EXPECTED['title']}."))
    for name in ("categories", "tags"):
        values: list[str] = getattr(fields, name)
        tidied = list(dict.fromkeys(text for value in values if (text := _tidy(value).strip())))
        if tidied != values:
            changes[name] = tidied
    _check_addresses(fields, errors)
    _check_prices(fields, errors)
    if fields.attributes:
        changes |= _check_attributes(fields.attributes, errors)
    if errors:
        raise Invalid(errors)
    return msgspec.structs.replace(fields, **changes) if changes else fields


def _check_addresses(fields: ItemFields, errors: list[FieldError]) -> None:
    given = [("url", fields.url), ("image_url", fields.image_url)]
    given += ((f"additional_image_urls/{index}", value) for index, value in enumerate(fields.additional_image_urls))
    for pointer, value in given:
        if not _is_address(value) and (value or "/" in pointer):
            detail = f"This address is {_shown(value)}. Send {_EXPECTED['url']}."
            errors.append(FieldError(f"/{pointer}", detail))


def _check_prices(fields: ItemFields, errors: list[FieldError]) -> None:
    if fields.sale_price is not None and (fields.price is None or fields.sale_price > fields.price):
        found = "there is no `price`" if fields.price is None else f"`price` is {fields.price:g}"
        detail = f"`sale_price` is {fields.sale_price:g} while {found}. Send {_EXPECTED['sale_price']}."
        errors.append(FieldError("/sale_price", detail))


def _check_attributes(attributes: dict[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    try:
        cleaned = _clean(attributes, _DEEPEST)
        size = len(_dump(cleaned))
    except (OverflowError, RecursionError, ValueError, TypeError):
        errors.append(FieldError("/attributes", f"`attributes` cannot be stored. Send {_EXPECTED['attributes']}."))
        return {}
    if size > MOST_ATTRIBUTES:
        errors.append(FieldError("/attributes", f"`attributes` has {size:,} bytes. Send {_EXPECTED['attributes']}."))
    return {"attributes": cleaned} if cleaned != attributes else {}


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _tidy(value)
    if isinstance(value, dict):
        if depth == 0:
            raise ValueError("too deep")
        return {_tidy(str(name)): _clean(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        if depth == 0:
            raise ValueError("too deep")
        return [_clean(inner, depth - 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _tidy(text: str) -> str:
    """Without characters that databases refuse or nobody sees; composed, so that equal texts are equal."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _CONTROLS.sub("", text))


def _is_address(value: str) -> bool:
    return value.startswith(("http://", "https://", "/")) and value.isprintable() and not value.startswith("//")


def _errors(raw: Mapping[str, Any]) -> list[FieldError]:
    """Every field that is wrong, each with a pointer into it: msgspec itself stops at the first."""
    errors = [
        FieldError(f"/{name}", f"`{name}` is missing. Send {_EXPECTED[name]}.") for name in _REQUIRED if name not in raw
    ]
    for name, value in raw.items():
        if name not in _TYPES:
            detail = f"`{name}` is not a field of an item. The fields are {', '.join(_TYPES)}."
            errors.append(FieldError(f"/{_escaped(name)}", detail))
            continue
        try:
            msgspec.convert(value, _TYPES[name])
        except (msgspec.ValidationError, OverflowError) as error:
            inside = _POINTER.search(str(error))
            pointer = f"/{name}" + (_pointer(inside.group(1)) if inside else "")
            errors.append(FieldError(pointer, f"`{name}` is {_shown(value)}. Send {_EXPECTED[name]}."))
    return errors or [FieldError("", "This is not an item. Send an object with `item_id` and `title`.")]


def _pointer(path: str) -> str:
    """The way in msgspec's words, `[3].upsell[...]`, as a JSON pointer as far as it is known."""
    return "".join("/" + part.replace("[...]", "") for part in re.findall(r"[^.\[\]]+", path) if part != "...")


def _escaped(name: str) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    """A value in a message: short, on one line."""
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "…"
        return f"“{text}”" if text.isprintable() and len(value) <= 200 else f"a text of {len(value):,} characters"
    names = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    return names.get(type(value)) or str(value)[:60]
