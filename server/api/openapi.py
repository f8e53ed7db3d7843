"""The OpenAPI 3.1 document, made from the same declarations that check requests, so that the two cannot differ."""

import re
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from server.access.oauth import scopes
from server.api import RESOURCES
from server.api.operation import Media, Operation
from server.api.problems import ProblemDetails
from server.shops.roles import rank

Json = dict[str, Any]

VERSION = "1.0.0"
_DESCRIPTION = """\
Recommendations for online shops: put a catalog in, send what shoppers do, get lists worth showing.

A **publishable key** (`vpk_…`) is made for pages: it reads recommendations, search and public item fields, and writes
storefront events. A **secret key** (`vsk_…`) opens all data of one shop and stays on the shop's own servers. **People**
sign in by OAuth 2.0, and their role in a shop says what they may do. Errors are `application/problem+json` (RFC 9457);
every answer carries `X-Request-Id`.
"""
_TAGS = {
    "recommendations": "Lists of products for a place on a page.",
    "events": "What shoppers do.",
    "search": "Find products by words.",
    "catalog": "The products of a shop.",
    "shoppers": "What is kept of a shopper, and how it is erased.",
    "tasks": "Long work: imports, encoding, indexing, training.",
    "models": "What a shop's training made, what it is worth, and which version answers.",
    "access": "Shops, their keys and the people who work for them.",
    "sign-in": "OAuth 2.0, for programs that act for people.",
    "operations": "For whoever runs the server.",
}
_SCHEMES: Json = {
    "publishable": {"type": "http", "scheme": "bearer", "description": "A publishable key, `vpk_…`."},
    "publishableQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "A publishable key in the address, for requests without a preflight.",
    },
    "secret": {"type": "http", "scheme": "bearer", "description": "A secret key, `vsk_…`. Server to server only."},
    "member": {
        "type": "oauth2",
        "description": "An access token of a person, whose role in the shop decides.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth/authorize",
                "tokenUrl": "/oauth/token",
                "refreshUrl": "/oauth/token",
                "scopes": scopes.MEANINGS,
            }
        },
    },
    "operator": {
        "type": "http",
        "scheme": "bearer",
        "description": "The key in `operator.key` in the data folder of this installation.",
    },
}
_PROBLEMS = {
    400: "The body is not valid JSON.",
    401: "No key, or one that is unknown or revoked.",
    403: "The key may not do this, or not from here.",
    404: "It is not there, or it belongs to another shop.",
    405: "The address does not take this method.",
    409: "It conflicts with what is there.",
    413: "The body is too large.",
    415: "The body has the wrong media type.",
    422: "Well-formed, but not valid; `errors` says where and what to send instead.",
    429: "Too many requests with this key or from this address; ask again after `Retry-After` seconds.",
    500: "An error on our side; it is logged with the request id.",
    503: "A part that this needs is away, or the installation has no owner yet; try again after `Retry-After` seconds.",
    507: "The server's disk is full.",
}
_VITRINA_SHOP: Json = {
    "name": "Vitrina-Shop",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The shop that is meant; needed with the operator key and by people who work for several shops.",
}
_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "A text of your own, such as a UUID: the same request sent again with it within 24 hours is "
    "answered once more and done once. With another body it is refused.",
}


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the API, the most called first."""
    modules = [import_module(f"server.api.{name}") for name in RESOURCES]
    return tuple(operation for module in modules for operation in module.OPERATIONS)


@cache
def document() -> bytes:
    """The whole document as JSON."""
    return msgspec.json.encode(describe(operations()))


def describe(described: Iterable[Operation]) -> Json:
    """The document for these operations."""
    listed = list(described)
    schemas = _Schemas(listed)
    paths: dict[str, Json] = {}
    for operation in listed:
        path = operation.path.replace(":path}", "}")
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vitrina", "version": VERSION, "description": _DESCRIPTION},
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _SCHEMES},
    }


class _Schemas:
    """JSON Schemas of all types that occur, each Struct once under `components`."""

    def __init__(self, listed: Iterable[Operation]) -> None:
        self._types: list[Any] = [ProblemDetails]
        for one in listed:
            answers = [kind for kind in one.answers.values() if kind is not None and not isinstance(kind, Media)]
            for kind in (one.query, one.body_schema or one.body, one.form, *one.parameters.values(), *answers):
                if kind is not None and kind not in self._types:
                    self._types.append(kind)
        self._schemas, self.components = msgspec.json.schema_components(
            self._types, ref_template="#/components/schemas/{name}"
        )

    def of(self, kind: Any) -> Json:
        """The schema, or a reference to it."""
        return self._schemas[self._types.index(kind)]

    def fields(self, kind: Any) -> Json:
        """The Struct's own schema, with `properties`."""
        return self.components[self.of(kind)["$ref"].rpartition("/")[2]]


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    described: Json = {
        "operationId": _identifier(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation, schemas), *_query_parameters(operation, schemas)],
        "responses": _responses(operation, schemas),
        "security": _security(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.policy.names_shop:
        described["parameters"].append(_VITRINA_SHOP)
    if operation.is_done_once:
        described["parameters"].append(_IDEMPOTENCY_KEY)
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _bodies(operation, schemas)}
    return described


def _identifier(operation: Operation) -> str:
    words = re.findall(r"[a-z0-9]+", operation.path.removeprefix("/v1").lower().replace(":path}", "}"))
    return "_".join([operation.method.lower(), *words])


def _path_parameters(operation: Operation, schemas: _Schemas) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas.of(operation.parameters[name]) if name in operation.parameters else {"type": "string"},
        }
        for name in re.findall(r"{(\w+)(?::path)?}", operation.path)
    ]


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[Json]:
    if operation.query is None:
        return []
    struct = schemas.fields(operation.query)
    examples: Json = operation.examples.get("query", {})
    parameters: list[Json] = []
    for name, schema in struct["properties"].items():
        parameter: Json = {"name": name, "in": "query", "schema": schema}
        if name in struct.get("required", ()):
            parameter["required"] = True
        if "description" in schema:
            parameter["description"] = schema["description"]
        if name in examples:
            parameter["example"] = examples[name]
        parameters.append(parameter)
    return parameters


def _bodies(operation: Operation, schemas: _Schemas) -> Json:
    content: Json = {}
    for media_type in operation.body_types:
        multipart = media_type == "multipart/form-data"
        content[media_type] = {
            "schema": schemas.of(operation.form if multipart else operation.body_schema or operation.body)
        }
        if "body" in operation.examples and not multipart:
            content[media_type]["example"] = operation.examples["body"]
    return content


def _responses(operation: Operation, schemas: _Schemas) -> Json:
    responses: Json = {}
    for status, kind in operation.answers.items():
        response: Json = {"description": _phrase(operation, status)}
        responses[str(status)] = response
        if isinstance(kind, Media):
            response["content"] = {kind.type: {"schema": kind.schema}}
        elif kind is not None:
            response["content"] = {"application/json": {"schema": schemas.of(kind)}}
            if "answer" in operation.examples and status < 300:
                response["content"]["application/json"]["example"] = operation.examples["answer"]
    problem = {"application/problem+json": {"schema": schemas.of(ProblemDetails)}}
    for status in sorted(_problem_statuses(operation) - set(operation.answers)):
        responses[str(status)] = {"description": _PROBLEMS[status], "content": problem}
    return responses


def _phrase(operation: Operation, status: int) -> str:
    words = {201: "Created.", 202: "Taken in.", 204: "Done.", 304: "Not changed.", 307: "Elsewhere."}
    return words.get(status, operation.summary if status < 400 else _PROBLEMS.get(status, "A part is missing."))


def _problem_statuses(operation: Operation) -> set[int]:
    statuses = {405, 429, 500, *operation.problems}
    if operation.needs_owner:
        statuses.add(503)
    if not operation.policy.public:
        statuses |= {401, 403}
    if operation.policy.names_shop:
        statuses |= {404, 422}  # of the header Vitrina-Shop
    if operation.is_done_once:
        statuses |= {409, 422}
    if operation.query is not None or operation.parameters:
        statuses.add(422)
    if operation.body is not None:
        statuses |= {400, 413, 415, 422}
    return statuses


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    kinds = operation.policy.kinds
    schemes: list[str] = sorted(kinds)
    if "publishable" in kinds:
        schemes.insert(schemes.index("publishable") + 1, "publishableQuery")
    least = scopes.SCOPES[rank(operation.policy.role_for(operation.method)) - 1]
    return [{scheme: [least] if scheme == "member" else []} for scheme in schemes]
