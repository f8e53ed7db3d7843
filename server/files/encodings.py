"""Which encoding a text is in: UTF-8 where it is valid, UTF-16 with a mark, else the best guess, said aloud."""

import codecs
import re
from dataclasses import dataclass, field

import charset_normalizer

_SAMPLE = 200_000  # bytes that the guess is made from: more changes nothing but the time it takes
_RARE = 0.02  # below this part of all non-ASCII letters, broken ones are damage to UTF-8 and not another encoding
_HIGH = re.compile(rb"[^\n]{0,200}[\x80-\xff][^\n]{0,200}")
_CONTROLS = bytes((*range(1, 9), *range(14, 27), 28, 29))
# what spreadsheets and shop systems write; without this limit short samples come out as EBCDIC
_CANDIDATES = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "iso8859_2", "koi8_r", "mac_roman",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
_BY_LANGUAGE = {
    **dict.fromkeys(("pl", "cs", "sk", "hu", "ro", "sl", "hr"), "cp1250"),
    **dict.fromkeys(("ru", "uk", "bg", "sr", "be", "mk"), "cp1251"),
    **dict.fromkeys(("lt", "lv", "et"), "cp1257"),
    **{"el": "cp1253", "tr": "cp1254", "he": "cp1255", "ar": "cp1256"},
    **{"ja": "shift_jis", "zh": "gb18030", "ko": "euc_kr"},
}


class NoText(ValueError):  # noqa: N818  it says what the bytes are not
    """The bytes are no text in any encoding we know."""


@dataclass(frozen=True)
class Findings:
    """The encoding's name for Python, and what the sender should know about it."""

    encoding: str
    warnings: tuple[str, ...] = ()


@dataclass
class Survey:
    """Collects what is needed while the file goes by in chunks; `conclude` decides."""

    language: str = ""
    _start: bytes = b""
    _size: int = 0
    _nuls: int = 0
    _controls: int = 0
    _broken: int = 0
    _letters: int = 0
    _first_broken_line: int = 0
    _lines: int = 1
    _sample: bytearray = field(default_factory=bytearray)
    _rest: bytes = b""

    def add(self, chunk: bytes) -> None:
        """Look at the next bytes of the file."""
        if not self._start:
            self._start = chunk[:4]
            self._controls = len(chunk[:65536]) - len(chunk[:65536].translate(None, _CONTROLS))
        self._size += len(chunk)
        self._nuls += chunk.count(b"\0")
        if self._rest or not chunk.isascii():
            self._check_utf8(self._rest + chunk)
        self._lines += chunk.count(b"\n")

    def _check_utf8(self, data: bytes) -> None:
        try:
            codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError as error:
            self._first_broken_line = self._first_broken_line or self._lines + data.count(b"\n", 0, error.start)
        text, used = codecs.utf_8_decode(data, "replace", False)
        self._rest = data[used:]
        self._broken += text.count("\N{REPLACEMENT CHARACTER}")
        self._letters += len(text) - len(text.encode("ascii", "ignore"))
        if len(self._sample) < _SAMPLE:
            for match in _HIGH.finditer(data):
                self._sample += match.group() + b"\n"
                if len(self._sample) >= _SAMPLE:
                    break

    def conclude(self) -> Findings:
        """The encoding.

        Raises:
            NoText: too much of it is binary.

        """
        if self._start.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
            return Findings("utf-32")
        if self._start.startswith((b"\xff\xfe", b"\xfe\xff")):
            return Findings("utf-16")
        if self._nuls * 3 > self._size:
            name = "utf-16-le" if self._start[1:2] == b"\0" else "utf-16-be"
            return Findings(name, ("The file was read as UTF-16, although it has no byte order mark.",))
        if (self._nuls > 8 and self._nuls * 100 > self._size) or self._controls > 64:
            raise NoText("it has NUL bytes or control characters where letters should be")
        warnings = [f"{self._nuls} NUL bytes were removed."] if self._nuls else []
        if not self._first_broken_line and not self._rest:
            return Findings("utf-8-sig", tuple(warnings))
        if self._broken <= _RARE * self._letters:
            line = self._first_broken_line or self._lines
            warnings.append(f"Some bytes are not UTF-8 (first on line {line}); each was replaced by \ufffd.")
            return Findings("utf-8-sig", tuple(warnings))
        name = _guess(bytes(self._sample), self.language)
        spoken = name.replace("cp125", "Windows-125").replace("iso8859_", "ISO 8859-")
        warnings.append(f"The file is not UTF-8; it was read as {spoken}. If letters look wrong, save it as UTF-8.")
        return Findings(name, tuple(warnings))


def _guess(sample: bytes, language: str) -> str:
    expected = _BY_LANGUAGE.get(language[:2].lower())
    if expected and _share_of_letters(sample, expected) >= 0.8:
        return expected
    found = charset_normalizer.from_bytes(sample, cp_isolation=_CANDIDATES, threshold=0.4).best()
    agrees = found is None or sample.decode("cp1252", "replace") == str(found)
    name = found.encoding if found and not agrees else "cp1252"  # where code pages agree, the common one
    # the library likes Windows-1252 even where it turns Polish letters into signs such as a superscript three
    return max(name, "cp1250", key=lambda page: _share_of_letters(sample, page))


def _share_of_letters(sample: bytes, encoding: str) -> float:
    high = [character for character in sample.decode(encoding, "replace") if character > "\x7f"]
    return round(sum(character.isalpha() for character in high) / max(len(high), 1), 2)
