"""The shop: every other row of a tenant hangs on one of these."""

from typing import Any

import msgspec
from tortoise import fields
from tortoise.models import Model

from server.shops.fields import ShopSettings


class Shop(Model):
    """One tenant.

    Queries for its data start here: `shop.items`, `shop.events`, `shop.tasks`.
    """

    id = fields.CharField(max_length=32, primary_key=True)
    slug = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=128)
    currency = fields.CharField(max_length=3, db_default="EUR")
    locale = fields.CharField(max_length=16, db_default="en")
    timezone = fields.CharField(max_length=64, db_default="UTC")
    settings: Any = fields.JSONField(db_default="{}")
    live_version_id = fields.BigIntField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    # what the foreign keys of other tables put here; Tortoise makes them, type checkers cannot see that
    items: Any
    encodings: Any
    events: Any
    tasks: Any

    @property
    def choices(self) -> ShopSettings:
        """`settings`, read: what the shop decided, the defaults for the rest."""
        return msgspec.convert(self.settings, ShopSettings)

    class Meta:
        table = "shops"
