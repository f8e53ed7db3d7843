"""The shop, on which every other row of a tenant hangs; who works for it; what they changed."""

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


class Member(Model):
    """A person with a role in a shop: "owner", "manager" or "analyst"."""

    id = fields.CharField(max_length=40, primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="members", on_delete=fields.CASCADE)
    person: Any = fields.ForeignKeyField("vitrina.Person", related_name="memberships", on_delete=fields.CASCADE)
    role = fields.CharField(max_length=16)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "members"
        unique_together = (("shop_id", "person_id"),)
        indexes = (("person_id",),)


class Invitation(Model):
    """Somebody was asked by e-mail to become a member. `hash` is the SHA-256 of the code in their link, in hex."""

    id = fields.CharField(max_length=40, primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="invitations", on_delete=fields.CASCADE)
    email = fields.CharField(max_length=254)
    role = fields.CharField(max_length=16)
    hash = fields.CharField(max_length=64, unique=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "invitations"
        unique_together = (("shop_id", "email"),)


class AuditEntry(Model):
    """One change by a person or a key. `shop` is null for what concerns no shop."""

    id = fields.BigIntField(primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="audit", null=True, on_delete=fields.CASCADE)
    actor_kind = fields.CharField(max_length=16)  # "member", "secret", "operator", "person", "server"
    actor_id = fields.CharField(max_length=40)
    action = fields.CharField(max_length=64)
    subject = fields.CharField(max_length=255, db_default="")
    details: Any = fields.JSONField(db_default="{}")
    request_id = fields.CharField(max_length=64, db_default="")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "audit"
        indexes = (("shop_id", "id"),)
