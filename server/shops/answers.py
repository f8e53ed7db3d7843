"""Answers that are kept for a day, so that a request sent twice with one Idempotency-Key is done once.

`scope` is a hash of everything that makes a request its caller's own (shop, credential, route, key), so no shop can ask
for another's. `content` is sealed with the credential, which is stored nowhere: some answers hold a new key.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.models import Model

KEPT_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(hours=1)  # longer than any upload takes; its process died in the middle


class KeptAnswer(Model):
    """The answer to one request.

    `status` is null while it is being made, `fingerprint` the SHA-256 of the request's body in hex.
    """

    scope = fields.CharField(max_length=64, primary_key=True)
    fingerprint = fields.CharField(max_length=64, db_default="")
    status = fields.SmallIntField(null=True)
    content: Any = fields.BinaryField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "kept_answers"
        indexes = (("created_at",),)

    @property
    def is_over(self) -> bool:
        """Whether it no longer counts."""
        return datetime.now(UTC) - self.created_at > (GIVEN_UP_AFTER if self.status is None else KEPT_FOR)


async def begin(scope: str) -> KeptAnswer | None:
    """Take the scope for a request that is about to be done; the answer there is already, else None."""
    for _ in range(2):
        try:
            await KeptAnswer.create(scope=scope)
        except IntegrityError:
            known = await KeptAnswer.get_or_none(scope=scope)
            if known is not None and not known.is_over:
                return known
            await KeptAnswer.filter(scope=scope, created_at__lt=datetime.now(UTC) - GIVEN_UP_AFTER).delete()
        else:
            return None
    return await KeptAnswer.get_or_none(scope=scope)  # somebody else was faster


async def keep(scope: str, fingerprint: str, status: int, content: bytes) -> None:
    """Keep the answer."""
    await KeptAnswer.filter(scope=scope).update(fingerprint=fingerprint, status=status, content=content)


async def release(scope: str) -> None:
    """Let the scope go: the request was refused or failed, and may be sent again."""
    await KeptAnswer.filter(scope=scope, status=None).delete()


async def forget_old() -> int:
    """Remove what is older than a day; gives how many."""
    return await KeptAnswer.filter(created_at__lt=datetime.now(UTC) - KEPT_FOR).delete()
