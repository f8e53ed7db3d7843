"""The widget's script, as its build left it in `server/widget/v1.js`."""

import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from starlette.responses import Response

from server.access.policies import PUBLIC
from server.api.operation import Call, Media, Operation

SCRIPT = Path(__file__).parent.parent / "widget" / "v1.js"
_NOT_BUILT = (
    b'console.warn("Vitrina: this server was installed without its widget, so no recommendations are shown. '
    b'Build it with: npm ci && npm run build, in the folder widget.");\n'
)


@dataclass(frozen=True, slots=True)
class _Script:
    plain: bytes
    packed: bytes
    etag: str


async def script(call: Call) -> Response:
    """The script; 304 where the browser has it already."""
    try:
        changed_ns = SCRIPT.stat().st_mtime_ns
    except OSError:
        changed_ns = 0
    found = _read(changed_ns)
    headers = {
        "etag": found.etag,
        # five minutes: a new version reaches every page soon, and a visit of many pages fetches it once
        "cache-control": "public, max-age=300, stale-while-revalidate=86400" if changed_ns else "no-cache",
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


@lru_cache(maxsize=1)
def _read(changed_ns: int) -> _Script:
    plain = SCRIPT.read_bytes() if changed_ns else _NOT_BUILT
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
)
