"""The versions of what serving knows of a shop; the shop's `live_version_id` says which one answers."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class ModelVersion(Model):
    """One snapshot, written once.

    `folder` is the name of its blob; `number` counts up within the shop.
    """

    id = fields.BigIntField(primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="model_versions", on_delete=fields.CASCADE)
    number = fields.IntField()
    folder = fields.CharField(max_length=256)
    metrics: Any = fields.JSONField(db_default="{}")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "model_versions"
        unique_together = (("shop_id", "number"),)
