from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0002_search")]

    initial = False

    operations = [
        ops.AddField(
            model_name="ModelVersion",
            name="kind",
            field=fields.CharField(db_default="build", max_length=16),
        ),
        ops.AddField(
            model_name="ModelVersion",
            name="seconds",
            field=fields.FloatField(null=True),
        ),
        ops.AddField(
            model_name="ModelVersion",
            name="stack",
            field=fields.CharField(db_default="", max_length=32),
        ),
        ops.AddField(
            model_name="ModelVersion",
            name="trained",
            field=fields.CharField(db_default="", max_length=256),
        ),
        ops.AddField(
            model_name="ModelVersion",
            name="verdict",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
    ]
