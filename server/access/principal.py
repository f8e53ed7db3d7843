"""Who is calling."""

from typing import Literal

import msgspec

Kind = Literal["publishable", "secret", "operator", "member"]


class Principal(msgspec.Struct, frozen=True):
    """The holder of one key, or a person behind an access token.

    `key_id` is the key's id, or the person's. `shop_id` is empty for the operator and for persons; `ranks` says what a
    person may do in each of their shops (`server.shops.roles.rank`, no more than the token's scope), `scope_rank` what
    the token allows at most. `origins`: of a key that works on some pages only.
    """

    kind: Kind
    key_id: str
    shop_id: str
    origins: tuple[str, ...] = ()
    ranks: tuple[tuple[str, int], ...] = ()
    scope_rank: int = 0

    @property
    def shops(self) -> tuple[str, ...]:
        """The ids of a person's shops."""
        return tuple(shop_id for shop_id, _ in self.ranks)

    def rank_in(self, shop_id: str) -> int:
        """What a person may do in a shop; 0 for one that is not theirs."""
        return dict(self.ranks).get(shop_id, 0)
