"""`/openapi.json`, and `/docs`: the same document as a page, without scripts and without anything from elsewhere."""

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.responses import Response

from server.access.policies import PUBLIC
from server.api import openapi
from server.api.operation import Call, Media, Operation

_TEMPLATES = Path(__file__).parent / "templates"
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_METHODS = ("get", "post", "put", "patch", "delete")

Json = dict[str, Any]


async def document(call: Call) -> Response:
    """The OpenAPI document."""
    return _cached(call, openapi.document(), "application/json", {"access-control-allow-origin": "*"})


async def page(call: Call) -> Response:
    """The document for people."""
    return _cached(call, _page(), "text/html", {"content-security-policy": _POLICY})


async def style(call: Call) -> Response:
    """The page's style sheet."""
    return _cached(call, (_TEMPLATES / "docs.css").read_bytes(), "text/css", {})


def _cached(call: Call, body: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """`body`, or 304 where the caller has it already."""
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "no-cache"} | headers
    if call.trace.headers.get(b"if-none-match", b"").decode("latin-1") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


@cache
def _page() -> bytes:
    described: Json = msgspec.json.decode(openapi.document())
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    filters: Json = {"type_name": _type_name, "pretty": _pretty, "markdown": _markdown, "inline": _inline}
    environment.filters.update(filters)
    groups = {
        tag["name"]: tag | {"operations": [one for one in _operations(described) if tag["name"] in one["tags"]]}
        for tag in described["tags"]
    }
    return environment.get_template("docs.html").render(document=described, groups=groups).encode()


def _operations(described: Json) -> list[Json]:
    schemas: Json = described["components"]["schemas"]
    found: list[Json] = []
    for path, methods in described["paths"].items():
        for method in _METHODS:
            if method not in methods:
                continue
            operation: Json = methods[method] | {"method": method.upper(), "path": path, "fields": []}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                operation["fields"] = operation["fields"] or _fields(content["schema"], schemas)
                operation["example"] = operation.get("example") or content.get("example")
            found.append(operation)
    return found


def _fields(schema: Json, schemas: Json) -> list[Json]:
    """The fields of a body, of the first kind of Struct that it may be."""
    for choice in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
        if "$ref" in choice:
            struct = schemas[choice["$ref"].rpartition("/")[2]]
            required = struct.get("required", ())
            return [
                {"name": name, "schema": field, "required": name in required}
                for name, field in struct.get("properties", {}).items()
            ]
    return []


def _type_name(schema: Json) -> str:
    """A schema in a few words: `text`, `number or nothing`, `list of GivenItem`."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type_name(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type_name(schema.get('items', {}))}"
    names = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "null": "nothing",
        None: "anything",
    }
    return names.get(schema.get("type"), str(schema.get("type")))


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _markdown(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))  # noqa: S704  HTML in the text is escaped by the renderer


def _inline(text: str) -> Markup:
    return Markup(_MARKDOWN.renderInline(text))  # noqa: S704


OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        policy=PUBLIC,
        tag="operations",
        summary="This document",
        handler=document,
        answers={200: Media("application/json"), 304: None},
    ),
    Operation(
        method="GET",
        path="/docs",
        policy=PUBLIC,
        tag="operations",
        summary="This document as a page",
        handler=page,
        answers={200: Media("text/html"), 304: None},
    ),
    Operation(
        method="GET",
        path="/docs/style.css",
        policy=PUBLIC,
        tag="operations",
        summary="The page's style sheet",
        handler=style,
        answers={200: Media("text/css"), 304: None},
    ),
)
