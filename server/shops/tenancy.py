"""Queries on a tenant's rows name the shop, or they do not run: nobody can forget it.

A model that inherits from `Tenant` is asked as `Item.filter(shop_id=…)` or `shop.items`. What by its nature looks at
every shop (workers looking for something to do, a key that tells which shop it opens) says so: `.filter(ACROSS_SHOPS)`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import AwaitableQuery

_NAMES_A_SHOP = frozenset({"shop", "shop_id", "shop__id"})


class Unscoped(RuntimeError):  # noqa: N818  it reads as what happened
    """A query would have read or changed rows of every shop. It was not sent."""


class Tenant(Model):
    """A model whose every row belongs to one shop by its field `shop`."""

    class Meta:
        abstract = True


class _AcrossShops(Q):
    """A condition that is always true, and that says that every shop is meant."""


ACROSS_SHOPS = _AcrossShops()

_resolve_filters = AwaitableQuery.resolve_filters


def _resolve_filters_of_one_shop(self: Any, *arguments: Any, **options: Any) -> None:
    # every kind of query (select, update, delete, count, exists, values) comes through here before it is sent
    if issubclass(self.model, Tenant) and not _is_scoped(self._q_objects):
        raise Unscoped(
            f"A query on {self.model.__name__} names no shop. Begin with the shop (shop_id=…), or say that every shop "
            "is meant with ACROSS_SHOPS."
        )
    _resolve_filters(self, *arguments, **options)


AwaitableQuery.resolve_filters = _resolve_filters_of_one_shop  # type: ignore[method-assign]


def _is_scoped(conditions: Iterable[Q]) -> bool:
    """Whether one of these conditions, which all must hold, is about one shop."""
    return any(_names_a_shop(condition) for condition in conditions)


def _names_a_shop(condition: Q) -> bool:
    if isinstance(condition, _AcrossShops):
        return True
    if condition._is_negated:
        return False
    filters = cast("Mapping[str, Any]", condition.filters)
    named = [filters[name] is not None for name in filters.keys() & _NAMES_A_SHOP]
    inner = [_names_a_shop(child) for child in condition.children]
    if condition.join_type == Q.AND:
        return any((*named, *inner))
    return bool(inner) and all(inner) and not condition.filters
