"""Lists in pages: `?limit=` and an opaque `?cursor=`, which holds where the last page ended."""

import base64
import binascii
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from server.api.problems import invalid

Id = TypeVar("Id", int, str)


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What every list takes."""

    limit: Annotated[int, Meta(ge=1, le=200, description="How many to send at most.")] = 50
    cursor: Annotated[
        str | None, Meta(description="`next_cursor` of the page before; leave it out for the first page.")
    ] = None


def cursor_after(last: int | str) -> str:
    """The cursor that goes on after the row with this id."""
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def read_cursor(cursor: str, kind: type[Id]) -> Id:
    """The id after which to go on; raises Problem 422."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded.encode("ascii")), type=kind)
    except (UnicodeError, binascii.Error, msgspec.DecodeError):
        raise invalid("/cursor", "`cursor` must be `next_cursor` of the page before, unchanged.") from None
