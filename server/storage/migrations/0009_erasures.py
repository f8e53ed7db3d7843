from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0008_waiting_letters")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Erasure",
            fields=[
                ("mark", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="erasures",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("erased_ms", fields.BigIntField()),
            ],
            options={
                "table": "erasures",
                "app": "vitrina",
                "indexes": [Index(fields=["shop_id", "erased_ms"])],
                "pk_attr": "mark",
                "table_description": "A shopper or a session that was erased.",
            },
            bases=["Tenant"],
        ),
        ops.CreateModel(
            name="Merger",
            fields=[
                ("mark", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="mergers",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("into_mark", fields.CharField(max_length=64)),
            ],
            options={
                "table": "mergers",
                "app": "vitrina",
                "indexes": [Index(fields=["shop_id", "into_mark"])],
                "pk_attr": "mark",
                "table_description": "A shopper's id was given up for another one of the shop, both kept as marks.",
            },
            bases=["Tenant"],
        ),
    ]
