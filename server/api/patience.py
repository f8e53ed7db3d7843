"""Limits on calls that send letters or invite guessing."""

from server.access.attempts import Limit
from server.api.operation import Call
from server.api.problems import Problem


async def limit(call: Call, *tries: tuple[Limit, str]) -> None:
    """Count one attempt against each limit; raises Problem 429 where one of them is passed."""
    seconds = await call.services.attempts.seconds_to_wait(*tries)
    if seconds:
        raise wait(seconds)


def wait(seconds: int) -> Problem:
    """A 429 for what is limited by `server.access.attempts`."""
    detail = f"Too many requests of this kind came within a short time. Try again in {seconds} seconds."
    return Problem(429, "Too many requests", detail, headers=[("retry-after", str(seconds))])
