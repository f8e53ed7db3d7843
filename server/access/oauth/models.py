"""What the provider has to remember. Codes and refresh tokens are kept as SHA-256 hashes in hex."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Grant(Model):
    """A person allowed a program to act for them: the root of all tokens that follow from it.

    `shop_id` is empty for all shops of the person, later ones too. Once revoked, every token of it is worthless.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    person: Any = fields.ForeignKeyField("vitrina.Person", related_name="grants", on_delete=fields.CASCADE)
    client_id = fields.CharField(max_length=64)
    scope = fields.CharField(max_length=128)
    shop_id = fields.CharField(max_length=40, db_default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    used_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "oauth_grants"
        indexes = (("person_id",), ("expires_at",))


class AuthorizationCode(Model):
    """A code on its way through a browser, worth a token once, to whoever knows what `challenge` is the hash of."""

    hash = fields.CharField(max_length=64, primary_key=True)
    grant: Any = fields.ForeignKeyField("vitrina.Grant", related_name="codes", on_delete=fields.CASCADE)
    redirect_uri = fields.TextField()
    challenge = fields.CharField(max_length=128)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "oauth_codes"
        indexes = (("grant_id",), ("expires_at",))


class DeviceCode(Model):
    """A terminal that waits for a person to type `user_code` in a browser (RFC 8628). `grant` is set once they allow
    it, `denied_at` if they do not.
    """

    hash = fields.CharField(max_length=64, primary_key=True)
    user_code = fields.CharField(max_length=16, unique=True)
    client_id = fields.CharField(max_length=64)
    scope = fields.CharField(max_length=128)
    grant: Any = fields.ForeignKeyField("vitrina.Grant", related_name="devices", null=True, on_delete=fields.CASCADE)
    interval_s = fields.IntField()
    expires_at = fields.DatetimeField()
    polled_at = fields.DatetimeField(null=True)
    denied_at = fields.DatetimeField(null=True)
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "oauth_devices"
        indexes = (("grant_id",), ("expires_at",))


class RefreshToken(Model):
    """One link of a grant's chain: using it makes the next, using it twice ends the grant."""

    hash = fields.CharField(max_length=64, primary_key=True)
    grant: Any = fields.ForeignKeyField("vitrina.Grant", related_name="refresh_tokens", on_delete=fields.CASCADE)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "oauth_refresh_tokens"
        indexes = (("grant_id",), ("expires_at",))


class SigningKey(Model):
    """A key that signs access tokens from `active_from` on. `sealed` is the private JWK, encrypted with the
    installation's secret.
    """

    id = fields.CharField(max_length=64, primary_key=True)
    sealed = fields.TextField()
    active_from = fields.DatetimeField()

    class Meta:
        table = "signing_keys"


class RegisteredClient(Model):
    """A program that the operator registered. `secret_hash` is null for one that cannot keep a secret."""

    id = fields.CharField(max_length=64, primary_key=True)
    name = fields.CharField(max_length=128)
    secret_hash = fields.CharField(max_length=64, null=True)
    redirect_uris: Any = fields.JSONField(db_default="[]")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "oauth_clients"
