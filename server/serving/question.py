"""What is asked of recommending: one list for one placement."""

import msgspec


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One list asked for. Ids are the shop's own; an id that is unknown counts for nothing."""

    placement: str = "home"
    item_ids: tuple[str, ...] = ()  # the product of the page, or what is in the cart or was just ordered
    shopper_id: str | None = None
    session_id: str | None = None
    anonymous_id: str | None = None  # what the shopper's browser was called before they were known
    recent_item_ids: tuple[str, ...] = ()  # looked at in this tab, newest first
    limit: int = 12
    exclude: tuple[str, ...] = ()
    category: str | None = None
    price_min: float | None = None
    price_max: float | None = None
    in_stock: bool = True
    language: str = "en"  # of the reasons, see `sentences.LANGUAGES`

    @property
    def is_personal(self) -> bool:
        """Whether the answer depends on who asks."""
        return bool(self.shopper_id or self.session_id or self.anonymous_id or self.recent_item_ids)
