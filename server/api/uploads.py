"""Takes in a `multipart/form-data` body with one file, which goes to disk as it arrives, never whole in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from server.api.problems import InvalidField, Problem

_WRITE_BYTES = 1_048_576  # gathered before a thread writes them
_MOST_FIELD_BYTES = 262_144  # of all fields that are no file, together: a mapping is the largest of them
_MOST_PARTS = 50


class Upload:
    """The parts of one form: `fields` as text, the file at `path` with its `filename` and `size_bytes`."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self.fields: dict[str, str] = {}
        self.filename: str | None = None  # None until a file has come
        self.size_bytes = 0
        self._most_bytes = most_bytes
        self._waiting = bytearray()
        self._name = b""
        self._is_file = False
        self._value = bytearray()
        self._field_bytes = 0
        self._parts = 0
        self._header_name = self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._ended = False

    async def read(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        """Read the whole form; raises Problem 400, 413 or 422."""
        _, options = parse_options_header(content_type.encode("latin-1"))
        boundary = options.get(b"boundary")
        if not boundary:
            raise _malformed("Its Content-Type names no boundary.")
        try:
            parser = MultipartParser(boundary, self._callbacks())
            with self.path.open("wb") as file:
                async for chunk in body:
                    parser.write(chunk)
                    if len(self._waiting) >= _WRITE_BYTES:
                        await self._store(file)
                await self._store(file)
        except FormParserError as error:
            raise _malformed(f"{error}.") from None
        if not self._ended:
            raise _malformed("It ends in the middle.")
        if self.filename is None:
            detail = "`file` is missing. Send the file as the form field `file`."
            raise Problem(422, "There is no file", detail, errors=[InvalidField("/file", detail)])

    async def _store(self, file: BinaryIO) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        if waiting:
            await asyncio.to_thread(file.write, waiting)

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_content,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_ends,
            "on_end": self._form_ends,
        }

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _malformed(f"It has more than {_MOST_PARTS} fields.")
        self._headers = {}
        self._value = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_content(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"")
        self._is_file = self._name == b"file"
        if self._is_file:
            if self.filename is not None:
                raise Problem(422, "There is more than one file", "Send one file with each import.")
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace")[:255]

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.size_bytes += end - start
            if self.size_bytes > self._most_bytes:
                raise file_too_large(self._most_bytes)
            self._waiting += data[start:end]
            return
        self._field_bytes += end - start
        if self._field_bytes > _MOST_FIELD_BYTES:
            raise Problem(413, "The fields are too large", f"Send at most {_MOST_FIELD_BYTES:,} bytes beside the file.")
        self._value += data[start:end]

    def _part_ends(self) -> None:
        if not self._is_file:
            name = self._name.decode("utf-8", "replace")
            try:
                self.fields[name] = self._value.decode()
            except UnicodeDecodeError:
                raise _malformed(f"The field {name[:60]!r} is not UTF-8.") from None

    def _form_ends(self) -> None:
        self._ended = True


def file_too_large(most_bytes: int) -> Problem:
    """A 413 about an uploaded file."""
    return Problem(413, "The file is too large", f"Files may have at most {most_bytes:,} bytes; split what is more.")


def declared_length(headers: Mapping[bytes, bytes]) -> int:
    """The length of the body as the sender declares it, 0 if it does not."""
    declared = headers.get(b"content-length", b"")
    return int(declared) if declared.isdigit() else 0


def _malformed(why: str) -> Problem:
    return Problem(400, "The form is not valid", f"{why} Send multipart/form-data with the file as the field `file`.")
