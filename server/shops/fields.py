"""What a shop says about itself: the types, and the checks that types cannot express."""

import re
import unicodedata
import zoneinfo
from functools import cache
from typing import Annotated, Literal

import msgspec
from babel.core import get_global
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Slug = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        description="Short name for addresses: small letters, digits and hyphens. Made from the name if left out.",
    ),
]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217; of prices that name none.")]
Locale = Annotated[
    str, Meta(max_length=16, pattern="^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", description="Such as `en` or `pt-BR`.")
]
Timezone = Annotated[str, Meta(max_length=64, description="A name of the IANA database, such as `Europe/Berlin`.")]


class ShopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a shop may decide about its recommendations; all of it has a sensible default."""

    new_items_share: Annotated[
        float | None,
        Meta(
            description="Share of the places in trained lists, 0 to 1, that products which no training has seen yet "
            "shall have together; null for their share of the catalog. What they gain, known products lose."
        ),
    ] = None
    training: Annotated[
        Literal["automatic", "manual"],
        Meta(description="`automatic`: at night and when enough has changed; `manual`: by `POST /v1/tasks` only."),
    ] = "automatic"
    index: Annotated[
        Literal["auto", "flat", "ivf", "hnsw"],
        Meta(description="How vectors are searched; `auto` goes by the size of the catalog."),
    ] = "auto"
    retention_days: Annotated[
        int | None,
        Meta(description="Days after which what shoppers did is erased, 1 to 3650; null keeps it."),
    ] = None

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.new_items_share is not None and not 0 <= self.new_items_share <= 1:
            raise ValueError("`new_items_share` must be from 0 to 1, or null")
        if self.retention_days is not None and not 1 <= self.retention_days <= 3650:
            raise ValueError("`retention_days` must be from 1 to 3650, or null")


def is_currency(code: str) -> bool:
    """Whether ISO 4217 knows the code, today's or a former one."""
    return code in get_global("all_currencies")


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() | {"UTC"})


def is_timezone(name: str) -> bool:
    """Whether the IANA database has this time zone."""
    return name in _timezones()


def slug_of(name: str) -> str:
    """A slug for a shop of that name: "Café Müller" becomes "cafe-muller"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:56].strip("-") or "shop"
