"""`Idempotency-Key`: a POST that is sent again, because its answer got lost, is answered once more and done once.

The same key and body give the same answer, the same key with another body 422, and 409 while the first is being done.
What was refused or failed is not kept: it may be corrected and sent again with the same key.
"""

import base64
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet
from starlette.types import Message, Receive

from server.api.front import RawHeaders
from server.api.problems import InvalidField, Problem
from server.shops import answers

HEADER = b"idempotency-key"
_FORM = re.compile(rb"[\x21-\x7e]{1,255}")
_REPLAYED = (b"idempotent-replayed", b"true")


class Rendered(msgspec.Struct, frozen=True):
    """A finished answer."""

    status: int
    headers: RawHeaders
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Rendered).decode


class Fingerprint:
    """Hashes a body as it is read. The boundary of a form is left out: each sending of the same form has another."""

    def __init__(self, receive: Receive, content_type: bytes) -> None:
        self._receive = receive
        self._hash = sha256()
        found = re.search(rb'boundary="?([^";,]{1,70})', content_type)
        self._boundary = found[1] if found else b""
        self._held = b""
        self._ended = False

    async def receive(self) -> Message:
        """The next part of the body, as ASGI has it."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._ended = not message.get("more_body")
            self._take(message.get("body", b""))
        return message

    async def of_all(self) -> str:
        """The hash of the whole body, in hex; what nobody has read yet is read."""
        while not self._ended:
            if (await self.receive())["type"] == "http.disconnect":
                break
        self._hash.update(self._held.replace(self._boundary, b"") if self._boundary else self._held)
        self._held = b""
        return self._hash.hexdigest()

    def _take(self, part: bytes) -> None:
        if not self._boundary:
            self._hash.update(part)
            return
        held = (self._held + part).replace(self._boundary, b"")
        keep = len(self._boundary) - 1  # the boundary may have begun
        self._hash.update(held[:-keep] if keep else held)
        self._held = held[-keep:] if keep else b""


async def once(
    key: bytes, caller: tuple[str, ...], credential: bytes, body: Fingerprint, work: Callable[[], Awaitable[Rendered]]
) -> Rendered:
    """Do the work, or give the answer that it had. `caller`: shop, credential's id, method and path.

    Raises:
        Problem: 409 or 422, see the module.

    """
    if not _FORM.fullmatch(key):
        raise _invalid("`Idempotency-Key` must be 1 to 255 printable characters, such as a UUID.")
    scope = sha256("\0".join((*caller, key.decode())).encode()).hexdigest()
    seal = Fernet(base64.urlsafe_b64encode(sha256(scope.encode() + credential).digest()))
    known = await answers.begin(scope)
    if known is None:
        try:
            answer = await work()
            await answers.keep(scope, await body.of_all(), answer.status, seal.encrypt(_encode(answer)))
        except BaseException:
            await answers.release(scope)
            raise
        return answer
    if known.status is None:
        detail = "The first request with this Idempotency-Key is still being done. Ask again in a second."
        raise Problem(409, "Still being done", detail, headers=[("retry-after", "1")])
    if known.fingerprint != await body.of_all():
        raise _invalid("This Idempotency-Key came before with another body. Send each request with a key of its own.")
    answer = _decode(seal.decrypt(known.content))
    return Rendered(answer.status, (*answer.headers, _REPLAYED), answer.body)


def _invalid(detail: str) -> Problem:
    error = InvalidField("/Idempotency-Key", detail)
    return Problem(422, "The Idempotency-Key cannot be used", detail, errors=[error])
