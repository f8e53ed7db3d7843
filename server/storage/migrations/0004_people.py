from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0003_model_verdicts")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="audit",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("actor_kind", fields.CharField(max_length=16)),
                ("actor_id", fields.CharField(max_length=40)),
                ("action", fields.CharField(max_length=64)),
                ("subject", fields.CharField(db_default="", max_length=255)),
                (
                    "details",
                    fields.JSONField(
                        db_default="{}", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("request_id", fields.CharField(db_default="", max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "audit",
                "app": "vitrina",
                "indexes": [Index(fields=["shop_id", "id"])],
                "pk_attr": "id",
                "table_description": "One change by a person or a key. `shop` is null for what concerns no shop.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Invitation",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="invitations",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("email", fields.CharField(max_length=254)),
                ("role", fields.CharField(max_length=16)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "invitations",
                "app": "vitrina",
                "unique_together": (("shop_id", "email"),),
                "pk_attr": "id",
                "table_description": "Somebody was asked by e-mail to become a member. `hash` is the SHA-256 of the code in their link, in hex.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Person",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("email", fields.CharField(unique=True, max_length=254)),
                ("name", fields.CharField(db_default="", max_length=128)),
                ("password_hash", fields.CharField(null=True, max_length=255)),
                ("runs_installation", fields.BooleanField(db_default=False)),
                ("verified_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "people",
                "app": "vitrina",
                "pk_attr": "id",
                "table_description": "Someone with an account. `email` is unique and in small letters. Without `verified_at` nobody can sign in.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Grant",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "vitrina.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="grants",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("client_id", fields.CharField(max_length=64)),
                ("scope", fields.CharField(max_length=128)),
                ("shop_id", fields.CharField(db_default="", max_length=40)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "oauth_grants",
                "app": "vitrina",
                "indexes": [Index(fields=["person_id"]), Index(fields=["expires_at"])],
                "pk_attr": "id",
                "table_description": "A person allowed a program to act for them: the root of all tokens that follow from it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuthorizationCode",
            fields=[
                ("hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "grant",
                    fields.ForeignKeyField(
                        "vitrina.Grant",
                        source_field="grant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="codes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("redirect_uri", fields.TextField(unique=False)),
                ("challenge", fields.CharField(max_length=128)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "oauth_codes",
                "app": "vitrina",
                "indexes": [Index(fields=["grant_id"]), Index(fields=["expires_at"])],
                "pk_attr": "hash",
                "table_description": "A code on its way through a browser, worth a token once, to whoever knows what `challenge` is the hash of.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DeviceCode",
            fields=[
                ("hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("user_code", fields.CharField(unique=True, max_length=16)),
                ("client_id", fields.CharField(max_length=64)),
                ("scope", fields.CharField(max_length=128)),
                (
                    "grant",
                    fields.ForeignKeyField(
                        "vitrina.Grant",
                        source_field="grant_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="devices",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("interval_s", fields.IntField()),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("polled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("denied_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "oauth_devices",
                "app": "vitrina",
                "indexes": [Index(fields=["grant_id"]), Index(fields=["expires_at"])],
                "pk_attr": "hash",
                "table_description": "A terminal that waits for a person to type `user_code` in a browser (RFC 8628). `grant` is set once they allow",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Identity",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "vitrina.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="identities",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("issuer", fields.CharField(max_length=255)),
                ("subject", fields.CharField(max_length=255)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "identities",
                "app": "vitrina",
                "unique_together": (("issuer", "subject"),),
                "indexes": [Index(fields=["person_id"])],
                "pk_attr": "id",
                "table_description": "A person as an outside provider knows them: the issuer and the subject never change, addresses may.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Link",
            fields=[
                ("hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "vitrina.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="links",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("purpose", fields.CharField(max_length=16)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "links",
                "app": "vitrina",
                "indexes": [Index(fields=["person_id", "purpose"]), Index(fields=["expires_at"])],
                "pk_attr": "hash",
                "table_description": "A link that was mailed to a person and works once. `hash` is the SHA-256 of its code, in hex.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Member",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "shop",
                    fields.ForeignKeyField(
                        "vitrina.Shop",
                        source_field="shop_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="members",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "vitrina.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("role", fields.CharField(max_length=16)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "members",
                "app": "vitrina",
                "unique_together": (("shop_id", "person_id"),),
                "indexes": [Index(fields=["person_id"])],
                "pk_attr": "id",
                "table_description": 'A person with a role in a shop: "owner", "manager" or "analyst".',
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RefreshToken",
            fields=[
                ("hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "grant",
                    fields.ForeignKeyField(
                        "vitrina.Grant",
                        source_field="grant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="refresh_tokens",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "oauth_refresh_tokens",
                "app": "vitrina",
                "indexes": [Index(fields=["grant_id"]), Index(fields=["expires_at"])],
                "pk_attr": "hash",
                "table_description": "One link of a grant's chain: using it makes the next, using it twice ends the grant.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RegisteredClient",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("name", fields.CharField(max_length=128)),
                ("secret_hash", fields.CharField(null=True, max_length=64)),
                (
                    "redirect_uris",
                    fields.JSONField(
                        db_default="[]", encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "oauth_clients",
                "app": "vitrina",
                "pk_attr": "id",
                "table_description": "A program that the operator registered. `secret_hash` is null for one that cannot keep a secret.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "vitrina.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sessions",
                "app": "vitrina",
                "indexes": [Index(fields=["person_id"]), Index(fields=["expires_at"])],
                "pk_attr": "hash",
                "table_description": "One browser in which a person is signed in. `hash` is the SHA-256 of the cookie, in hex.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SigningKey",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("sealed", fields.TextField(unique=False)),
                ("active_from", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "signing_keys",
                "app": "vitrina",
                "pk_attr": "id",
                "table_description": "A key that signs access tokens from `active_from` on. `sealed` is the private JWK, encrypted with the",
            },
            bases=["Model"],
        ),
    ]
