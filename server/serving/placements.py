"""How each built-in placement mixes the candidate sources. A name that is not built in is treated like `home`.

Weights are relative: 1 is what the best neighbour of the product just looked at brings. They were set by trying them
on real shops (a year of a gift shop's invoices, a fashion catalog without events); trained rankers replace them.
"""

from collections.abc import Mapping

import msgspec


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """One placement. `sources`: weight by source; `learned`: the same where the shop has a trained model.

    `history`: weight of the shopper's own recent items as seeds when the page names items; `again`: whether what the
    shopper bought before may come, in shops where things are bought again; `variety`: what likeness to a product above
    costs, per unit of cosine, the best score being 1.
    """

    sources: Mapping[str, float]
    learned: Mapping[str, float] = {}
    again: bool = False
    history: float = 1.0
    variety: float = 0.07
    per_brand: float = 1.0  # largest share of a list that one brand may take, where there are others
    per_category: float = 1.0


_PERSONAL = {
    "similar": 0.4,
    "bought": 1.0,
    "viewed": 0.8,
    "alternatives": 0.3,
    "complements": 0.4,
    "in_category": 0.1,
    "popular": 0.3,
}

_LEARNED = {"ranked": 1.0, "popular": 0.04}  # popular products for those whose past says nothing

HOME = Placement(sources=_PERSONAL, learned=_LEARNED, again=True, per_brand=0.34, per_category=0.34)

BUILT_IN: dict[str, Placement] = {
    "home": HOME,
    "product-page": Placement(
        sources={"similar": 1.0, "bought": 0.45, "viewed": 0.6, "alternatives": 1.2, "complements": 0.2},
        learned={"linear": 0.9, "similar": 0.6, "alternatives": 1.2, "complements": 0.2},
        history=0.1,
        variety=0.03,
    ),
    "cart": Placement(
        sources={
            "similar": 0.15,
            "bought": 1.0,
            "viewed": 0.3,
            "alternatives": 0.2,
            "complements": 1.2,
            "popular": 0.1,
        },
        learned={"linear": 1.0, "bought": 0.3, "alternatives": 0.2, "complements": 1.2, "popular": 0.05},
        history=0.15,
        variety=0.08,
        per_category=0.5,
    ),
    "category": Placement(
        sources=_PERSONAL | {"in_category": 0.4},
        learned=_LEARNED | {"in_category": 0.4},
        again=True,
        variety=0.05,
        per_brand=0.34,
    ),
    "search-empty": Placement(
        sources=_PERSONAL | {"recent": 0.5},
        learned=_LEARNED | {"recent": 0.3},
        again=True,
        per_brand=0.34,
        per_category=0.34,
    ),
    "order-confirmation": Placement(
        sources={"similar": 0.2, "bought": 1.0, "viewed": 0.3, "complements": 1.0, "popular": 0.1},
        learned={"linear": 1.0, "bought": 0.3, "complements": 1.0, "popular": 0.05},
        history=0.2,
        variety=0.1,
        per_category=0.5,
    ),
    "email": Placement(
        sources=_PERSONAL | {"recent": 0.4},
        learned=_LEARNED | {"recent": 0.2},
        again=True,
        variety=0.1,
        per_brand=0.34,
        per_category=0.34,
    ),
}


_POOL = 60  # what ranks below would not make a list better


def pool_size(limit: int) -> int:
    """How many of the best candidates a list of `limit` is picked from."""
    return max(limit, min(_POOL, 2 * limit))


def of(name: str) -> Placement:
    """The placement of that name."""
    return BUILT_IN.get(name, HOME)
