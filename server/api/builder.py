"""`/widget/builder`: where a shop's manager puts a list together, sees it with own products, and copies it."""

from hashlib import blake2b
from pathlib import Path

from starlette.responses import Response

from server.access.policies import PUBLIC
from server.api.operation import Call, Media, Operation

_TEMPLATES = Path(__file__).parent / "templates"
# Pictures of products lie wherever the shop has put them; everything else is ours
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src http: https: data:; "
    "require-trusted-types-for 'script'; trusted-types builder; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


async def page(call: Call) -> Response:
    """The page."""
    headers = {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
    return _file(call, "builder.html", "text/html", headers)


async def script(call: Call) -> Response:
    """What the page does."""
    return _file(call, "builder.js", "text/javascript", {})


async def style(call: Call) -> Response:
    """How it looks."""
    return _file(call, "builder.css", "text/css", {})


def _file(call: Call, name: str, media_type: str, headers: dict[str, str]) -> Response:
    body = (_TEMPLATES / name).read_bytes()
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "no-cache"} | headers
    if call.trace.headers.get(b"if-none-match", b"").decode("latin-1") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


OPERATIONS = (
    Operation(
        method="GET",
        path="/widget/builder",
        policy=PUBLIC,
        tag="operations",
        summary="A page that puts a list together",
        handler=page,
        answers={200: Media("text/html"), 304: None},
    ),
    Operation(
        method="GET",
        path="/widget/builder.js",
        policy=PUBLIC,
        tag="operations",
        summary="The builder's script",
        handler=script,
        answers={200: Media("text/javascript"), 304: None},
    ),
    Operation(
        method="GET",
        path="/widget/builder.css",
        policy=PUBLIC,
        tag="operations",
        summary="The builder's style sheet",
        handler=style,
        answers={200: Media("text/css"), 304: None},
    ),
)
