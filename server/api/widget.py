"""The widget's script, as its build left it in `server/widget/`: the newest of version 1, and each by its number."""

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec
from starlette.responses import Response

from server.access.policies import PUBLIC
from server.api.operation import Answer, Call, Media, Operation
from server.api.problems import Problem

SCRIPT = Path(__file__).parent.parent / "widget" / "v1.js"
_VERSION = re.compile(r"1\.\d{1,4}\.\d{1,4}")
_NOT_BUILT = (
    b'console.warn("Vitrina: this server was installed without its widget, so no recommendations are shown. '
    b'Build it with: npm ci && npm run build, in the folder widget.");\n'
)


class Release(msgspec.Struct, frozen=True):
    """The newest version. `integrity`: what a script tag with the address of this version may carry."""

    version: str
    integrity: str


@dataclass(frozen=True, slots=True)
class _Script:
    plain: bytes
    packed: bytes
    etag: str


async def script(call: Call) -> Response:
    """The script; 304 where the browser has it already."""
    changed_ns = _changed_ns(SCRIPT)
    # five minutes: a new version reaches every page soon, and a visit of many pages fetches it once
    cache = "public, max-age=300, stale-while-revalidate=86400" if changed_ns else "no-cache"
    return _answer(call, _read(SCRIPT, changed_ns), cache)


async def one_version(call: Call) -> Response:
    """The script of one version, whose content never changes."""
    version = call.path["version"]
    path = SCRIPT.parent / version / "widget.js"
    if not _VERSION.fullmatch(version) or not path.is_file():
        detail = "See /widget/release.json for the newest version, or use /widget/v1.js, which is always the newest."
        raise Problem(404, "No such version of the widget", detail)
    return _answer(call, _read(path, _changed_ns(path)), "public, max-age=31536000, immutable")


async def release(_call: Call) -> Answer:
    """Which version is the newest, and its hash."""
    path = SCRIPT.parent / "release.json"
    if not path.is_file():
        raise Problem(404, "The widget is not built", "Build it with scripts/build-widget; it needs Node 20.")
    newest = msgspec.json.decode(path.read_bytes(), type=Release)
    return Answer(newest, headers=(("access-control-allow-origin", "*"), ("cache-control", "no-cache")))


def _answer(call: Call, found: _Script, cache: str) -> Response:
    headers = {
        "etag": found.etag,
        "cache-control": cache,
        "vary": "Accept-Encoding",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    asked = call.trace.headers
    known = {tag.strip().removeprefix("W/") for tag in asked.get(b"if-none-match", b"").decode("latin-1").split(",")}
    if found.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    body = found.plain
    if b"gzip" in asked.get(b"accept-encoding", b""):
        body, headers["content-encoding"] = found.packed, "gzip"
    return Response(body, media_type="text/javascript", headers=headers)


def _changed_ns(path: Path) -> int:
    """When the file was last written, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int) -> _Script:
    plain = path.read_bytes() if changed_ns else _NOT_BUILT
    return _Script(plain, gzip.compress(plain, 9, mtime=0), f'"{blake2b(plain, digest_size=12).hexdigest()}"')


OPERATIONS = (
    Operation(
        method="GET",
        path="/widget/v1.js",
        policy=PUBLIC,
        tag="operations",
        summary="The widget for pages",
        handler=script,
        answers={200: Media("text/javascript"), 304: None},
    ),
    Operation(
        method="GET",
        path="/widget/release.json",
        policy=PUBLIC,
        tag="operations",
        summary="The widget's newest version and its hash",
        handler=release,
        answers={200: Release},
        problems=(404,),
    ),
    Operation(
        method="GET",
        path="/widget/{version}/widget.js",
        policy=PUBLIC,
        tag="operations",
        summary="One version of the widget, which never changes",
        handler=one_version,
        answers={200: Media("text/javascript"), 304: None},
        problems=(404,),
    ),
)
