"""Reads what a request carries: query, path and body, checked against the Structs an operation declares."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from server.api.explaining import explain
from server.api.problems import InvalidField, Problem

Headers = Mapping[bytes, bytes]

_MOST_KEPT, _LONGEST_KEPT = 1_024, 512
_ESCAPES = re.compile(rb"[%+]")
_MOST_QUERY_FIELDS = 1_000  # thousands of parameters are an attack or a bug, never a page of a shop


class QueryReader:
    """Turns a query string into a Struct. Repeated parameters fill list fields; unknown ones are left out.

    What pages without a shopper ask for is often the same: the last ones that were read are kept.
    """

    def __init__(self, expected: type[msgspec.Struct]) -> None:
        self._expected = expected
        known = msgspec.structs.fields(expected)
        self._known = {field.encode_name for field in known}
        self._lists = {field.encode_name for field in known if _holds(field.type, list, tuple, set, frozenset)}
        self._floats = tuple(field.name for field in known if _holds(field.type, float))
        self._optional = {field.encode_name for field in known if not field.required}
        self._kept = lru_cache(_MOST_KEPT)(self._read)

    def read(self, query_string: bytes) -> msgspec.Struct:
        """The checked parameters; raises Problem 422."""
        return self._kept(query_string) if len(query_string) <= _LONGEST_KEPT else self._read(query_string)

    def _read(self, query_string: bytes) -> msgspec.Struct:
        values: dict[str, Any] = {}
        for name, value in _pairs(query_string):
            if name not in self._known:
                continue
            if name in self._lists:
                values.setdefault(name, []).append(value)
            elif value or name not in self._optional:  # a form sends its empty fields too: they were not filled in
                values[name] = value
        try:
            query = msgspec.convert(values, self._expected, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid("query parameter", error, self._expected) from None
        for name in self._floats:
            number = getattr(query, name)
            if number is not None and not math.isfinite(number):
                detail = f"`{name}` must be a finite number."
                raise Problem(422, "A query parameter is not valid", detail, errors=[InvalidField(f"/{name}", detail)])
        return query


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    if not query_string:
        return []
    if query_string.isascii() and not _ESCAPES.search(query_string):
        # nothing to decode, as in most calls of a page: splitting is all, at a fifth of the cost
        parts = [part.partition("=") for part in query_string.decode().split("&") if part]
        if len(parts) <= _MOST_QUERY_FIELDS:
            return [(name, value) for name, _, value in parts]
    try:
        return parse_qsl(
            query_string.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_MOST_QUERY_FIELDS
        )
    except ValueError:
        raise Problem(422, "Too many query parameters", f"Send at most {_MOST_QUERY_FIELDS}.") from None


def _holds(declared: Any, *wanted: type) -> bool:
    origin = get_origin(declared)
    if origin is Annotated or origin is Union or origin is UnionType:
        return any(_holds(one, *wanted) for one in get_args(declared)[: 1 if origin is Annotated else None])
    return (origin or declared) in wanted


def path_values(values: Mapping[str, str], expected: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the path, each checked against its declared type; raises Problem 422."""
    checked: dict[str, Any] = dict(values)
    for name, kind in expected.items():
        try:
            checked[name] = msgspec.convert(values[name], kind, strict=False)
        except msgspec.ValidationError as error:
            found = explain(error, kind)
            wrong = InvalidField(f"/{name}", found.detail.replace("This", f"`{name}` in the address", 1))
            raise Problem(422, "The address is not valid", wrong.detail, errors=[wrong]) from None
    return checked


def media_type_of(headers: Headers) -> str:
    """The body's media type without its parameters; empty where none is declared."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def check_media_type(headers: Headers, accepted: tuple[str, ...]) -> None:
    """Raise Problem 415 where the body is none of `accepted`, or not in plain UTF-8."""
    media_type = media_type_of(headers)
    if media_type not in accepted:
        got = f"it came as {media_type[:80]!r}" if media_type else "it came without one"
        raise Problem(415, "Wrong media type", f"Send the body with Content-Type {' or '.join(accepted)}; {got}.")
    parameters = headers[b"content-type"].decode("latin-1").partition(";")[2]
    charset = parameters.lower().replace(" ", "").partition("charset=")[2].split(";")[0].strip('"')
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise Problem(415, "Wrong character set", "Send the body in UTF-8.")
    if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
        raise Problem(415, "Wrong content encoding", "Send the body uncompressed, without Content-Encoding.")


async def read_body(receive: Receive, headers: Headers, most_bytes: int) -> bytes:
    """The whole body; raises Problem 413 as soon as it is known to be larger than `most_bytes`."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):  # nearly always the whole of it
        body = message.get("body", b"")
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise _too_large(most_bytes)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def decode(decoder: "msgspec.json.Decoder[Any]", body: bytes, expected: Any) -> Any:
    """The checked body; raises Problem 400 for what is no JSON and 422 for what does not fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid("body", error, expected) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(body, error) from None


def _malformed(body: bytes, error: Exception) -> Problem:
    if not body.strip():
        return Problem(400, "The body is empty", "Send a JSON object as the body.")
    if isinstance(error, UnicodeDecodeError):
        why = f"Byte {error.start} of a text is not UTF-8."
    elif isinstance(error, RecursionError):
        why = "It is nested too deeply."
    else:
        why = f"{error}."
    return Problem(400, "The body is not valid JSON", f"{why} Send one JSON value in UTF-8.")


def _invalid(what: str, error: Exception, expected: Any) -> Problem:
    found = explain(error, expected)
    return Problem(422, f"The {what} is not valid", found.detail, errors=[found])


def _too_large(most_bytes: int) -> Problem:
    return Problem(
        413, "The body is too large", f"Send at most {most_bytes:,} bytes in one request; split what is more."
    )
