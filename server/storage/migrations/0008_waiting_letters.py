from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0007_kept_answers")]

    initial = False

    operations = [
        ops.CreateModel(
            name="WaitingLetter",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("content", fields.BinaryField()),
                ("tries", fields.SmallIntField(db_default=0)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "waiting_letters",
                "app": "vitrina",
                "indexes": [Index(fields=["due_at"])],
                "pk_attr": "id",
                "table_description": "One letter, sealed, because its link opens an account.",
            },
            bases=["Model"],
        ),
    ]
