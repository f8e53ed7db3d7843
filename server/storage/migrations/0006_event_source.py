from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0005_key_ends")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Event",
            name="source",
            field=fields.BigIntField(null=True),
        ),
    ]
