"""Opening a file that a stranger sent: is it text at all, in which encoding, packed or not, and how large unpacked?

`inspect` reads the whole file once (a second for some hundred megabytes) so that everything after it may trust what it
reads. It refuses with one clear sentence; it never guesses silently: what it assumed stands in `Opened.warnings`.
Readers of formats add their own warnings there.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from server.files import encodings

HEAD_CHARACTERS = 65_536
LONGEST_LINE = 16_777_216  # bytes; a real description ends far below, a binary file without line ends does not
MOST_UNPACKED = 4_000_000_000  # bytes; twice the largest upload that the default settings take in
MOST_EXPANSION = 200  # times; repetitive CSV packs 1:20, a bomb 1:1000
_CHUNK = 1_048_576

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as CSV in UTF-8."),
    (b"PK\x05\x06", "an empty ZIP archive", "Send the file itself."),
    (b"%PDF", "a PDF document", "Send the export as CSV, XML or JSON lines."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook", "Save the sheet as CSV in UTF-8."),
    (b"\x89PNG", "a PNG image", "Send a catalog or event file."),
    (b"\xff\xd8\xff", "a JPEG image", "Send a catalog or event file."),
    (b"GIF8", "a GIF image", "Send a catalog or event file."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it first."),
    (b"BZh", "a bzip2 archive", "Unpack it first, or pack it with gzip."),
    (b"\xfd7zXZ\x00", "an xz archive", "Unpack it first, or pack it with gzip."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it first, or pack it with gzip."),
    (b"SQLite format 3\x00", "a SQLite database", "Export the table as CSV."),
    (b"PAR1", "a Parquet file", "Export it as CSV or JSON lines."),
)


class Unreadable(ValueError):  # noqa: N818  it reads as what happened
    """The file as a whole cannot be used. The message is one or two sentences for the person who sent it."""


class Opened:
    """A file that was inspected: text in a known encoding. It can be read more than once."""

    def __init__(self, path: Path, name: str, packed: bool, encoding: str, warnings: Iterable[str]) -> None:
        self.path = path
        self.name = name
        self.encoding = encoding
        self.warnings = list(warnings)
        self.cut_off = False  # a reader found that the end of the file is missing
        self._packed = packed
        self._size = max(path.stat().st_size, 1)
        self._raw: IO[bytes] | None = None
        with self.text() as stream:
            self.head = stream.read(HEAD_CHARACTERS)

    def binary(self) -> BinaryIO:
        """The unpacked bytes, from the start. The caller closes it."""
        self._raw = self.path.open("rb")
        return _unpacked(self._raw) if self._packed else cast(BinaryIO, self._raw)

    def text(self) -> TextIO:
        """The characters, from the start, line ends as they are. What cannot be decoded becomes U+FFFD."""
        return io.TextIOWrapper(self.binary(), encoding=self.encoding, errors="replace", newline="")

    @property
    def progress(self) -> float:
        """How much of the file the latest `binary` or `text` has read, from 0 to 1."""
        if self._raw is None or self._raw.closed:
            return 1.0
        return min(1.0, self._raw.tell() / self._size)


def inspect(path: Path, name: str = "", language: str = "", most_unpacked: int = MOST_UNPACKED) -> Opened:
    """Look through the file. `language` ("de", "pl-PL") helps to guess the encoding of one that is not Unicode.

    Raises:
        Unreadable: it is empty, no text, damaged, or grows beyond `most_unpacked` bytes when unpacked.

    """
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise Unreadable("The file is empty. Send a file with a header line and at least one row.")
    packed = start.startswith(b"\x1f\x8b")
    if not packed:
        _refuse_known_kinds(start)
    try:
        findings = _scan(path, packed, language, most_unpacked)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("The gzip file is damaged or was cut off. Pack it again and send it whole.") from error
    return Opened(path, name or path.name, packed, findings.encoding, findings.warnings)


def _scan(path: Path, packed: bool, language: str, most_unpacked: int) -> encodings.Findings:
    survey = encodings.Survey(language)
    size, since_line_end = 0, 0
    for chunk in _chunks(path, packed):
        if size == 0:
            _refuse_known_kinds(chunk[:4096])
        size += len(chunk)
        if size > most_unpacked or (packed and size > 64 * _CHUNK and size > MOST_EXPANSION * path.stat().st_size):
            raise Unreadable(
                f"The file unpacks to more than {size // 1_000_000} MB, which is not plausible for a feed. "
                "Split it, or send it without gzip."
            )
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        since_line_end = len(chunk) - last - 1 if last >= 0 else since_line_end + len(chunk)
        if since_line_end > LONGEST_LINE:
            raise Unreadable(
                f"The file has a line of more than {LONGEST_LINE // 1_048_576} MB. It is not text with one row or "
                "element a line; check that the right file was sent."
            )
        survey.add(chunk)
    if size == 0:
        raise Unreadable("The gzip file is empty. Send a file with a header line and at least one row.")
    try:
        return survey.conclude()
    except encodings.NoText as error:
        raise Unreadable(f"The file is binary, not text: {error}. Send CSV, XML or JSON lines.") from error


def _chunks(path: Path, packed: bool) -> Iterator[bytes]:
    with path.open("rb") as raw:
        stream: IO[bytes] = _unpacked(raw) if packed else raw
        while chunk := stream.read(_CHUNK):
            yield chunk


def _unpacked(raw: IO[bytes]) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), _CHUNK))


def _refuse_known_kinds(start: bytes) -> None:
    for magic, kind, advice in _MAGIC:
        if start.startswith(magic):
            raise Unreadable(f"The file is {kind}, not a feed. {advice}")
    if start[257:262] == b"ustar":
        raise Unreadable("The file is a TAR archive, not a feed. Unpack it first.")
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise Unreadable(
            "The file is a web page (HTML), not a feed. It may be a sign-in or error page: "
            "open the address in a private window and check what it serves."
        )
