"""What a shop says about itself: the types, and the checks that types cannot express."""

import re
import unicodedata
import zoneinfo
from functools import cache
from typing import Annotated

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
