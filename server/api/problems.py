"""Errors as RFC 9457 problem details: the one shape in which this API says no.

Handlers raise `Problem`; everything else that may go wrong below them is turned into one by `of_exception`.
"""

import errno
import traceback
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from tortoise.exceptions import DBConnectionError, OperationalError

_AWAY = {"PostgresConnectionError", "InterfaceError", "OperatorInterventionError", "InsufficientResourcesError"}
RETRY_AFTER_S = 2  # parts that are away are usually restarting


class InvalidField(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request. `pointer` is a JSON pointer (RFC 6901) to the field."""

    pointer: str
    detail: str


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error (RFC 9457, `application/problem+json`)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str = ""
    errors: list[InvalidField] = []


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """An answer that is an error. `detail` says what was wrong and what to send instead."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[InvalidField] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail or f"{title}."
        self.errors = list(errors)
        self.headers = list(headers)

    def encode(self, request_id: str) -> bytes:
        """The JSON body."""
        kind = HTTPStatus(self.status).phrase.lower().replace(" ", "-")
        details = ProblemDetails(f"urn:vitrina:{kind}", self.title, self.status, self.detail, request_id, self.errors)
        return msgspec.json.encode(details)


def invalid(pointer: str, detail: str) -> Problem:
    """A 422 about one field."""
    return Problem(422, "The request is not valid", detail, errors=[InvalidField(pointer, detail)])


def not_found(what: str, name: str) -> Problem:
    """A 404: there is none, or it belongs to another shop, which must look the same."""
    return Problem(
        404,
        f"No such {what}",
        f"There is no {what} {name!r} in this shop. Check the id, and that the key belongs to the right shop.",
    )


def of_exception(error: Exception) -> Problem:
    """What the caller is told about `error`; nothing of the inside."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full()
    if isinstance(error, OperationalError) and "disk is full" in str(error):
        return _disk_full()
    if isinstance(error, RedisError | DBConnectionError | ConnectionError) or _postgres_is_away(error):
        return unavailable("A part that this call needs does not answer right now")
    if isinstance(error, OperationalError) and "locked" in str(error):
        return unavailable("The database is busy")
    return Problem(
        500,
        "Something went wrong on our side",
        "The error has been logged with this request id. Try again, and tell the operator of this server if it stays.",
    )


def _postgres_is_away(error: Exception) -> bool:
    """Whether asyncpg lost its server. Told by names, because with SQLite the library is not even loaded."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if type(error).__module__.startswith("asyncpg"):
        return bool(names & _AWAY) and "ValueError" not in names  # its DataError is an InterfaceError as well
    if isinstance(error, OSError | TimeoutError):  # the socket's file is gone, or the host is
        return any(
            frame.f_globals.get("__name__", "").startswith("asyncpg")
            for frame, _ in traceback.walk_tb(error.__traceback__)
        )
    return False


def too_many(whose: str, wait_s: int) -> Problem:
    """A 429 with `Retry-After`."""
    detail = f"More was asked by {whose} than is served. Ask again in {wait_s} seconds, and less often."
    return Problem(429, "Too many requests", detail, headers=[("retry-after", str(wait_s))])


def unavailable(what: str) -> Problem:
    """A 503 with `Retry-After`."""
    detail = f"{what}. Nothing was changed; send the request again in {RETRY_AFTER_S} seconds."
    return Problem(503, "Not available right now", detail, headers=[("retry-after", str(RETRY_AFTER_S))])


def not_owned() -> Problem:
    """A 503 until somebody runs the installation."""
    detail = "Whoever runs it makes the first one at its command line: `vitrina-server create-owner you@shop.example`."
    return Problem(503, "This installation has no owner yet", detail, headers=[("retry-after", str(RETRY_AFTER_S))])


def _disk_full() -> Problem:
    return Problem(
        507,
        "No space left on the server",
        "The server's disk is full, so this could not be stored. Free "
        "some space in its data folder, then send the request again.",
    )


def _of_http(error: HTTPException) -> Problem:
    headers = [(name.lower(), value) for name, value in (error.headers or {}).items()]
    if error.status_code == 404:
        return Problem(404, "No such address", "There is nothing at this address. /docs lists every call.")
    if error.status_code == 405:
        allowed = dict(headers).get("allow", "")
        return Problem(405, "Method not allowed", f"This address takes {allowed}.", headers=headers)
    return Problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail), headers=headers)
