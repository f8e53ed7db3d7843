"""Elements of an XML file as a stream, safely: no entities, no network, no deep or huge nodes, flat memory.

A file that is not well-formed is read a second time in a repaired form (bare ampersands, HTML entities, characters that
XML forbids, undeclared prefixes), with a warning. What libxml2 cannot make sense of even then is refused.
"""

import html.entities
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO, cast

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  it has no type stubs

from server.files.opening import Opened, Unreadable

_CHUNK = 262_144
_LONGEST_REFERENCE = 40  # "&CounterClockwiseContourIntegral;" and some room
_REFERENCE = re.compile(r"&(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)?")
_LONE_BRACKET = re.compile(r"<(?![A-Za-z_:/!?])")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_OWN = {"amp;", "lt;", "gt;", "quot;", "apos;"}
_VERBATIM = (("<![CDATA[", "]]>"), ("<!--", "-->"))


def is_markup(head: str) -> bool:
    """Whether the file begins as XML does."""
    return head.lstrip("\ufeff \t\r\n").startswith("<")


def read(opened: Opened, names: tuple[str, ...]) -> Iterator[tuple[int, etree._Element]]:
    """Every element with one of these local names: (line, element). An element is only valid until the next one.

    Raises:
        Unreadable: it has none of them, declares entities, or is damaged beyond recovery.

    """
    if "<!ENTITY" in opened.head:
        raise Unreadable(
            "The XML declares entities of its own. Feeds need none, and they can hide attacks: remove them."
        )
    if not re.search(rf"<(\w+:)?({'|'.join(names)})[\s>/]", opened.head):
        wanted = " or ".join(f"<{name}>" for name in names)
        raise Unreadable(f"The XML has no {wanted} elements at its beginning. Check that it is a product feed.")
    fault = _fault(opened, names)
    if fault is None:
        opened.warnings[:] = [text for text in opened.warnings if "UTF-8" not in text]  # XML names its own encoding
        with opened.binary() as stream:
            yield from _elements(_parse(stream, names))
        return
    opened.warnings.append(f"The XML is not well-formed ({fault}); what could be recovered was read.")
    found = False
    try:
        with opened.text() as stream:
            repaired = _Repaired(stream)
            for each in _elements(_parse(cast(BinaryIO, repaired), names, recover=True, encoding="utf-8")):
                found = True
                yield each
            opened.cut_off = f"</{_root(opened.head)}" not in repaired.end
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"The XML is damaged beyond recovery: {_spoken(error)}.") from error
    if not found:
        raise Unreadable(f"The XML is damaged beyond recovery: {fault}.")


def _fault(opened: Opened, names: tuple[str, ...]) -> str | None:
    """What is wrong with the XML by the letter; None where it is well-formed."""
    try:
        with opened.binary() as stream:
            for _ in _elements(_parse(stream, names)):
                pass
    except etree.XMLSyntaxError as error:
        return _spoken(error)
    return None


def _parse(stream: BinaryIO, names: tuple[str, ...], **options: Any) -> Any:
    return etree.iterparse(
        stream,
        events=("end",),
        tag=tuple("{*}" + name for name in names),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        **options,
    )


def _elements(parsing: Any) -> Iterator[tuple[int, etree._Element]]:
    for _, element in parsing:
        yield element.sourceline or 0, element
        parent = element.getparent()
        element.clear(keep_tail=False)
        while parent is not None and element.getprevious() is not None:
            del parent[0]


def _spoken(error: etree.XMLSyntaxError) -> str:
    return re.sub(r",? ?\(?<string>.*$", "", str(error.msg)).strip() or "it ends too early"


def _root(head: str) -> str:
    """The name of the outermost element."""
    found = re.search(r"<([A-Za-z_][\w:.-]*)", re.sub(r"<!--.*?-->|<\?.*?\?>", "", head, flags=re.DOTALL))
    return found.group(1) if found else ""


class _Repaired:
    """A text stream as UTF-8 bytes in which every ampersand begins a reference that XML knows."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rest = ""
        self._until = ""  # the end mark of the CDATA section or comment we are in
        self._out = bytearray()
        self.end = ""  # the last characters so far

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        while not self._out:
            chunk = self._stream.read(_CHUNK)
            text = self._rest + chunk
            self.end = (self.end + chunk)[-_CHUNK // 128 :]
            if not text:
                return b""
            self._rest = ""
            self._out += _FORBIDDEN.sub("", self._repair(text, last=not chunk)).encode("utf-8", "replace")
        size = len(self._out) if size < 0 else size
        part = bytes(self._out[:size])
        del self._out[:size]
        return part

    def _repair(self, text: str, last: bool) -> str:
        parts: list[str] = []
        while text:
            if self._until:
                end = text.find(self._until)
                cut = len(text) if last and end < 0 else end + 3 if end >= 0 else max(len(text) - 2, 0)
                parts.append(text[:cut])
                text = text[cut:]
                if end < 0:
                    self._rest = text
                    break
                self._until = ""
                continue
            start, opening, self._until = min(
                ((at, begin, end) for begin, end in _VERBATIM if (at := text.find(begin)) >= 0),
                default=(len(text), "", ""),
            )
            if not self._until and not last:
                start = _safe_cut(text)
                self._rest = text[start:]
                text = text[:start]
            parts.append(_LONE_BRACKET.sub("&lt;", _REFERENCE.sub(_reference, text[:start])))
            parts.append(opening)
            text = text[start + len(opening) :]
        return "".join(parts)


def _safe_cut(text: str) -> int:
    """Where to cut so that neither a reference nor an opening mark is torn apart."""
    tail = max(text.rfind("&"), text.rfind("<"))
    return tail if tail >= 0 and len(text) - tail < _LONGEST_REFERENCE else len(text)


def _reference(match: "re.Match[str]") -> str:
    name = match.group(1)
    if name is None:
        return "&amp;"
    if name in _OWN:
        return match.group()
    if name.startswith("#"):
        code = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
        allowed = code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
        return match.group() if allowed else ""
    known = html.entities.html5.get(name)
    return known.replace("&", "&amp;").replace("<", "&lt;") if known else f"&amp;{name}"
