"""Reading an answer's body within a limit that holds before and after decompression: a kilobyte of gzip can unpack to
a megabyte, so unpacking goes in small steps and stops at the limit.
"""

import zlib
from collections.abc import AsyncIterator

import httpx

from server.outbound.errors import Refused, Unreachable

_GZIP_OR_ZLIB = 47  # zlib's number for "find out by the header"
_STEP_BYTES = 262_144


async def decoded(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """The body in chunks, unpacked.

    Raises:
        Refused: it is, or says it is, larger than `max_bytes`; or it is packed in a way that was not asked for.
        Unreachable: it is cut off or damaged.

    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Refused(f"The answer is packed as {encoding[:40]!r}. Let the server send it plain or as gzip.")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)
    chunks = response.aiter_raw() if encoding in ("", "identity") else _unpacked(response)
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


async def _unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        async for packed in response.aiter_raw():
            while packed and not unpacker.eof:
                yield unpacker.decompress(packed, _STEP_BYTES)
                packed = unpacker.unconsumed_tail
        while not unpacker.eof and (rest := unpacker.decompress(b"", _STEP_BYTES)):
            yield rest
    except zlib.error as error:
        raise Unreachable("The answer is damaged: it cannot be unpacked. Try again later.") from error
    if not unpacker.eof:
        raise Unreachable("The answer was cut off before its end. Try again later.")


def _too_large(max_bytes: int) -> Refused:
    return Refused(
        f"The answer is larger than the {max_bytes / 1_000_000:,.1f} MB that are taken in. Offer a smaller one."
    )
