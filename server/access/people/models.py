"""People and how they are recognised. Of sessions and links only hashes are kept, of passwords Argon2's."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Person(Model):
    """Someone with an account. `email` is unique and in small letters. Without `verified_at` nobody can sign in.

    `runs_installation`: made by `create-owner`, may open shops also where people cannot sign up by themselves.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    email = fields.CharField(max_length=254, unique=True)
    name = fields.CharField(max_length=128, db_default="")
    password_hash = fields.CharField(max_length=255, null=True)  # none for those who sign in elsewhere only
    runs_installation = fields.BooleanField(db_default=False)
    verified_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "people"


class Session(Model):
    """One browser in which a person is signed in. `hash` is the SHA-256 of the cookie, in hex."""

    hash = fields.CharField(max_length=64, primary_key=True)
    person: Any = fields.ForeignKeyField("vitrina.Person", related_name="sessions", on_delete=fields.CASCADE)
    created_at = fields.DatetimeField(auto_now_add=True)
    seen_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "sessions"
        indexes = (("person_id",), ("expires_at",))


class Link(Model):
    """A link that was mailed to a person and works once. `hash` is the SHA-256 of its code, in hex."""

    hash = fields.CharField(max_length=64, primary_key=True)
    person: Any = fields.ForeignKeyField("vitrina.Person", related_name="links", on_delete=fields.CASCADE)
    purpose = fields.CharField(max_length=16)  # "verify", "reset"
    expires_at = fields.DatetimeField()

    class Meta:
        table = "links"
        indexes = (("person_id", "purpose"), ("expires_at",))


class Identity(Model):
    """A person as an outside provider knows them: the issuer and the subject never change, addresses may."""

    id = fields.BigIntField(primary_key=True)
    person: Any = fields.ForeignKeyField("vitrina.Person", related_name="identities", on_delete=fields.CASCADE)
    issuer = fields.CharField(max_length=255)
    subject = fields.CharField(max_length=255)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "identities"
        unique_together = (("issuer", "subject"),)
        indexes = (("person_id",),)
