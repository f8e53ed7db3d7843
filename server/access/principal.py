"""Who is calling."""

from typing import Literal

import msgspec

Kind = Literal["publishable", "secret", "operator"]


class Principal(msgspec.Struct, frozen=True):
    """The holder of one key. `shop_id` is empty for the operator, `origins` for a key that works from any page."""

    kind: Kind
    key_id: str
    shop_id: str
    origins: tuple[str, ...] = ()
