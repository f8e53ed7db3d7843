from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Shop",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("slug", fields.CharField(unique=True, max_length=64)),
                ("name", fields.CharField(max_length=128)),
                ("currency", fields.CharField(db_default="EUR", max_length=3)),
                ("locale", fields.CharField(db_default="en", max_length=16)),
                ("timezone", fields.CharField(db_default="UTC", max_length=64)),
                (
                    "settings",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("live_version_id", fields.BigIntField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={"table": "shops", "app": "vitrina", "pk_attr": "id", "table_description": "One tenant."},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ApiKey",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="keys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("kind", fields.CharField(max_length=16)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("last4", fields.CharField(max_length=4)),
                ("name", fields.CharField(db_default="", max_length=128)),
                (
                    "origins",
                    fields.JSONField(
                        db_default="[]", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "api_keys",
                "app": "vitrina",
                "indexes": [Index(fields=["shop_id", "created_at"])],
                "pk_attr": "id",
                "table_description": "A publishable or secret key of one shop.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Encoding",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="encodings",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("encoder", fields.CharField(max_length=64)),
                ("content_hash", fields.CharField(max_length=32)),
                ("source", fields.CharField(db_default="", max_length=32)),
                ("vector", fields.BinaryField()),
            ],
            options={
                "table": "encodings",
                "app": "vitrina",
                "unique_together": (("shop_id", "encoder", "content_hash"),),
                "pk_attr": "id",
                "table_description": "One vector of one content by one encoder.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Event",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="events",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("event_id", fields.CharField(max_length=128)),
                ("position", fields.SmallIntField()),
                ("type", fields.CharField(max_length=32)),
                ("time_ms", fields.BigIntField()),
                ("shopper_id", fields.CharField(null=True, max_length=128)),
                ("session_id", fields.CharField(null=True, max_length=128)),
                ("item_id", fields.CharField(null=True, max_length=128)),
                ("quantity", fields.FloatField(null=True)),
                ("price", fields.FloatField(null=True)),
                ("currency", fields.CharField(null=True, max_length=3)),
                ("value", fields.FloatField(null=True)),
                ("transaction_id", fields.CharField(null=True, max_length=128)),
                ("search_term", fields.CharField(null=True, max_length=256)),
                ("placement", fields.CharField(null=True, max_length=128)),
                ("recommendation_id", fields.CharField(null=True, max_length=64)),
                (
                    "extra",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
            ],
            options={
                "table": "events",
                "app": "vitrina",
                "unique_together": (("shop_id", "event_id", "position"),),
                "indexes": [
                    Index(fields=["shop_id", "time_ms"]),
                    Index(fields=["shop_id", "shopper_id", "time_ms"]),
                    Index(fields=["shop_id", "session_id", "time_ms"]),
                ],
                "pk_attr": "id",
                "table_description": "One item of one event.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Item",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="items",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("item_id", fields.CharField(max_length=128)),
                ("group_id", fields.CharField(max_length=128)),
                ("title", fields.CharField(max_length=1000)),
                ("description", fields.TextField(db_default="", unique=False)),
                ("url", fields.CharField(db_default="", max_length=2048)),
                ("image_url", fields.CharField(db_default="", max_length=2048)),
                (
                    "additional_image_urls",
                    fields.JSONField(
                        db_default="[]", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("price", fields.FloatField(null=True)),
                ("sale_price", fields.FloatField(null=True)),
                ("currency", fields.CharField(db_default="", max_length=3)),
                ("availability", fields.CharField(db_default="in_stock", max_length=16)),
                ("brand", fields.CharField(db_default="", max_length=256)),
                (
                    "categories",
                    fields.JSONField(
                        db_default="[]", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                (
                    "tags",
                    fields.JSONField(
                        db_default="[]", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                (
                    "attributes",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                (
                    "links",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("content_hash", fields.CharField(max_length=32)),
                ("row_hash", fields.CharField(max_length=32)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("updated_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "items",
                "app": "vitrina",
                "unique_together": (("shop_id", "item_id"),),
                "indexes": [Index(fields=["shop_id", "group_id"]), Index(fields=["shop_id", "updated_at"])],
                "pk_attr": "id",
                "table_description": "A product as sold.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ModelVersion",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="model_versions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("number", fields.IntField()),
                ("folder", fields.CharField(max_length=256)),
                (
                    "metrics",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "model_versions",
                "app": "vitrina",
                "unique_together": (("shop_id", "number"),),
                "pk_attr": "id",
                "table_description": "One snapshot, written once.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RecommendationTask",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="tasks",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("kind", fields.CharField(max_length=32)),
                ("lane", fields.CharField(max_length=8)),
                ("status", fields.CharField(db_default="queued", max_length=16)),
                ("stage", fields.CharField(db_default="", max_length=64)),
                ("progress", fields.FloatField(db_default=0.0)),
                (
                    "detail",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                (
                    "params",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                (
                    "result",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("error", fields.TextField(null=True, unique=False)),
                ("dedupe_key", fields.CharField(null=True, max_length=64)),
                ("attempts", fields.IntField(db_default=0)),
                ("cancel_requested", fields.BooleanField(db_default=False)),
                ("claim", fields.CharField(null=True, max_length=32)),
                ("lease_until_ms", fields.BigIntField(null=True)),
                ("not_before_ms", fields.BigIntField(db_default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "tasks",
                "app": "vitrina",
                "indexes": [
                    Index(fields=["status", "lane"]),
                    Index(fields=["shop_id", "created_at"]),
                    Index(fields=["shop_id", "started_at"]),
                ],
                "pk_attr": "id",
                "table_description": "One long job of one shop.",
            },
            bases=["Model"],
        ),
    ]
