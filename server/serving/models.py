"""The versions of what serving knows of a shop; the shop's `live_version_id` says which one answers."""

from typing import Any

from tortoise import fields

from server.shops.tenancy import Tenant


class ModelVersion(Tenant):
    """One snapshot, written once.

    `number` counts up within the shop. `folder` is the name of the snapshot's blob, `trained` that of the trained model
    in it; empty where there is none, or none any more. `verdict` is what a training's gate said, null for a build.
    """

    id = fields.BigIntField(primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="model_versions", on_delete=fields.CASCADE)
    number = fields.IntField()
    folder = fields.CharField(max_length=256)
    metrics: Any = fields.JSONField(db_default="{}")
    kind = fields.CharField(max_length=16, db_default="build")  # or "training"
    stack = fields.CharField(max_length=32, db_default="")  # its largest stage: "content", …, "two-stage"
    trained = fields.CharField(max_length=256, db_default="")
    verdict: Any = fields.JSONField(null=True)
    seconds = fields.FloatField(null=True)  # how long the making took
    created_at = fields.DatetimeField(auto_now_add=True)

    @property
    def may_stand_in(self) -> bool:
        """Whether it may serve where a later version cannot be read: its files were kept, and no gate refused it."""
        return bool(self.folder) and (self.verdict or {}).get("accepted", True) is True

    class Meta:
        table = "model_versions"
        unique_together = (("shop_id", "number"),)
