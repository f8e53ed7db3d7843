"""What callers are told about errors from below."""

import asyncpg
import pytest
from asyncpg import exceptions
from redis.exceptions import ConnectionError as RedisAway
from starlette.exceptions import HTTPException
from tortoise.exceptions import IntegrityError, OperationalError

from server.api.problems import Problem, of_exception


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Problem(409, "Taken"), 409),
        (HTTPException(405, headers={"Allow": "GET"}), 405),
        (RedisAway("redis://:password@host"), 503),
        (ConnectionRefusedError("host"), 503),
        (OperationalError("database is locked"), 503),
        (OperationalError("database or disk is full"), 507),
        (OSError(28, "No space left on device"), 507),
        (exceptions.ConnectionDoesNotExistError("gone"), 503),
        (exceptions.AdminShutdownError("terminating connection"), 503),
        (exceptions.TooManyConnectionsError("too many clients"), 503),
        (exceptions.InterfaceError("connection is closed"), 503),
        (exceptions.DataError("invalid input for query argument $1"), 500),
        (IntegrityError("UNIQUE constraint failed: api_keys.hash"), 500),
        (FileNotFoundError("/srv/data/snapshot"), 500),
        (ValueError("password=hunter2"), 500),
    ],
)
def test_error_becomes_a_problem_that_tells_nothing_of_the_inside(error: Exception, status: int) -> None:
    problem = of_exception(error)
    assert problem.status == status
    text = problem.encode("req_1").decode()
    for secret in ("password", "hunter2", "/srv", "api_keys", "$1"):
        assert secret not in text
    assert ("retry-after" in dict(problem.headers)) == (status == 503)


async def test_database_whose_socket_is_gone_is_away() -> None:
    with pytest.raises(OSError) as caught:
        await asyncpg.connect(host="/nowhere", user="postgres", timeout=2)
    assert of_exception(caught.value).status == 503
