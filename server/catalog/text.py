"""Text as feeds carry it, made plain: HTML to text, stray characters out, lists and category paths apart."""

import html
import re
import unicodedata

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  it has no type stubs
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from server.catalog.fields import MOST_DESCRIPTION

_MOST_MARKUP = 1_000_000  # characters of HTML that are looked at; the rest of a longer text is cut off
_TAG = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9:-]*(?:\s[^<>]*)?/?|!--|!\[CDATA\[|!DOCTYPE)", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]+);")
_UNSEEN = ("script", "style", "template", "noscript", "iframe", "svg", "object", "head", "title")
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "footer", "h1", "h2", "h3"),
    *(
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    ),
}
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[\s]*")
_parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False, recover=True)


def plain(text: str) -> str:
    """The text a reader would see: without markup, scripts and styles, with entities resolved, one line a block."""
    if "<" not in text and "&" not in text:
        return _tidy(text)
    text = text[:_MOST_MARKUP]
    for _ in range(2):  # some exports escape twice
        if _TAG.search(text):
            text = _without_markup(text)
        elif _REFERENCE.search(text):
            text = html.unescape(text)
        else:
            break
    return _tidy(text)


def one_line(text: str) -> str:
    """The same on a single line, for titles and names."""
    if text.isascii() and text.isprintable() and "<" not in text and "&" not in text:
        return " ".join(text.split())
    return " ".join(plain(text).split())


def cut(text: str, most: int = MOST_DESCRIPTION) -> str:
    """At most so many characters, ending at a word."""
    if len(text) <= most:
        return text
    shorter = text[: most - 1]
    return (shorter.rsplit(None, 1)[0] if " " in shorter[-100:] else shorter) + "…"


def separated(text: str, separators: str = ",") -> list[str]:
    """The parts of a list in one cell, trimmed, without empty ones and repeats, in order. A backslash keeps a comma."""
    if "\\" in text:
        pieces = re.split(rf"(?<!\\)[{re.escape(separators)}]", text)
        pieces = [re.sub(rf"\\([{re.escape(separators)}])", r"\1", piece) for piece in pieces]
    else:
        pieces = re.split(f"[{re.escape(separators)}]", text) if len(separators) > 1 else text.split(separators)
    return list(dict.fromkeys(stripped for piece in pieces if (stripped := piece.strip())))


def path(text: str, separator: str = ">") -> str:
    """A category path in our form, "Men > Shirts"."""
    return " > ".join(part for piece in text.split(separator) if (part := one_line(piece)))


def addresses(text: str) -> list[str]:
    """Picture addresses of one cell: apart by commas, spaces, bars or line ends, as long as an address begins there."""
    pieces = re.split(r"[,|;\s]+(?=https?://|//|/)", text.strip())
    return list(dict.fromkeys(address for piece in pieces if (address := web_address(piece))))


def web_address(text: str) -> str:
    """An address as it is stored: `//host` gets https, spaces are encoded; what is no address becomes empty."""
    text = text.strip().strip("\"'<>")
    if text.startswith("//"):
        text = "https:" + text
    if not text.lower().startswith(("http://", "https://", "/")) or len(text) > 2048:
        return ""
    return text.replace(" ", "%20") if " " in text else text


def _without_markup(text: str) -> str:
    try:
        root = document_fromstring(text.encode("utf-8", "replace"), parser=_parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return ""
    parts: list[str] = []
    _collect(root, parts)
    return "".join(parts)


def _collect(root: HtmlElement, parts: list[str]) -> None:
    """Walk the tree without recursion: hostile markup nests deeper than Python may call itself."""
    hidden: HtmlElement | None = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if hidden is None and (name in _UNSEEN or not name):
                hidden = element
            if name in _BLOCKS:
                parts.append("\n")
            if hidden is None and element.text:
                parts.append(_SPACES.sub(" ", element.text.replace("\n", " ")))
            continue
        if hidden is element:
            hidden = None
        if name in _BLOCKS and name != "br":
            parts.append("\n")
        if hidden is None and element.tail:
            parts.append(_SPACES.sub(" ", element.tail.replace("\n", " ")))


def _tidy(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\N{SOFT HYPHEN}", "").replace("\N{ZERO WIDTH SPACE}", "")
    if "\n" not in text and "\r" not in text:
        return " ".join(text.split())
    return _LINES.sub("\n", _SPACES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()
