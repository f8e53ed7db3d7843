from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0006_event_source")]

    initial = False

    operations = [
        ops.CreateModel(
            name="KeptAnswer",
            fields=[
                ("scope", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("fingerprint", fields.CharField(db_default="", max_length=64)),
                ("status", fields.SmallIntField(null=True)),
                ("content", fields.BinaryField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "kept_answers",
                "app": "vitrina",
                "indexes": [Index(fields=["created_at"])],
                "pk_attr": "scope",
                "table_description": "The answer to one request.",
            },
            bases=["Model"],
        ),
    ]
