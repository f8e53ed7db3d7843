"""The empty Starlette route that the load benchmark compares with: `python -m benchmarks.hello PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def hello(_: Request) -> PlainTextResponse:
    """Answer at once."""
    return PlainTextResponse("hello")


if __name__ == "__main__":
    application = Starlette(routes=[Route("/", hello)])
    uvicorn.run(
        application, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
