"""Stored credentials. Only hashes are kept."""

from typing import Any

from tortoise import fields

from server.shops.tenancy import Tenant


class ApiKey(Tenant):
    """A publishable or secret key of one shop.

    `hash` is the SHA-256 of the whole key, in hex.
    """

    id = fields.CharField(max_length=32, primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="keys", on_delete=fields.CASCADE)
    kind = fields.CharField(max_length=16)
    hash = fields.CharField(max_length=64, unique=True)
    last4 = fields.CharField(max_length=4)
    name = fields.CharField(max_length=128, db_default="")
    origins: Any = fields.JSONField(db_default="[]")
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_keys"
        indexes = (("shop_id", "created_at"),)
