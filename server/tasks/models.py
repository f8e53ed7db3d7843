"""The task row: the truth about one job. Redis only wakes workers."""

from typing import Any

from tortoise import fields

from server.shops.tenancy import Tenant


class RecommendationTask(Tenant):
    """One long job of one shop.

    A worker holds it by `claim` until `lease_until_ms`, which it keeps renewing. A queued task waits until
    `not_before_ms`: the pause before another try. Both times are milliseconds since 1970.
    """

    id = fields.CharField(max_length=32, primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="tasks", on_delete=fields.CASCADE)
    kind = fields.CharField(max_length=32)
    lane = fields.CharField(max_length=8)
    status = fields.CharField(max_length=16, db_default="queued")
    stage = fields.CharField(max_length=64, db_default="")
    progress = fields.FloatField(db_default=0.0)
    detail: Any = fields.JSONField(db_default="{}")
    params: Any = fields.JSONField(db_default="{}")
    result: Any = fields.JSONField(null=True)
    error = fields.TextField(null=True)
    dedupe_key = fields.CharField(max_length=64, null=True)
    attempts = fields.IntField(db_default=0)
    cancel_requested = fields.BooleanField(db_default=False)
    claim = fields.CharField(max_length=32, null=True)
    lease_until_ms = fields.BigIntField(null=True)
    not_before_ms = fields.BigIntField(db_default=0)
    created_at = fields.DatetimeField(auto_now_add=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tasks"
        indexes = (("status", "lane"), ("shop_id", "created_at"), ("shop_id", "started_at"))
