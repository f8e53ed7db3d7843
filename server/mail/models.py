"""Letters on their way: written down with the change that they tell of, removed once a mail server has them."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class WaitingLetter(Model):
    """One letter, sealed, because its link opens an account.

    `due_at` is when it is tried next.
    """

    id = fields.BigIntField(primary_key=True)
    content: Any = fields.BinaryField()
    tries = fields.SmallIntField(db_default=0)
    due_at = fields.DatetimeField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "waiting_letters"
        indexes = (("due_at",),)
