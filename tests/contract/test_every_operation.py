"""What holds for each operation of the document: it has a policy, nothing is open, nothing crosses between shops."""

import json
import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from server.access.policies import PUBLIC, STOREFRONT, Policy
from server.api import openapi
from server.api.operation import Endpoint, Operation

OPERATIONS = openapi.operations()
OPEN = {
    "/",
    "/.well-known/security.txt",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/style.css",
    "/widget/v1.js",
    "/widget/release.json",
    "/widget/{version}/widget.js",
    "/widget/builder",
    "/widget/builder.js",
    "/widget/builder.css",
}
SIGN_IN = {
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/device_authorization",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
}
OPEN_TO_PERSONS = {
    "/account/static",
    "/sign-in",
    "/sign-out",
    "/sign-up",
    "/verify",
    "/forgotten",
    "/reset",
    "/invitation",
    "/login",
    "/oauth/authorize",
}
FOR_PERSONS = {"/account", "/account/password", "/account/sessions", "/account/programs", "/account/shops", "/device"}
_SHOP = "/account/shops/{shop_id}"
FOR_MEMBERS = {
    _SHOP,
    f"{_SHOP}/audit",
    f"{_SHOP}/keys",
    f"{_SHOP}/keys/{{key_id}}/replace",
    f"{_SHOP}/keys/{{key_id}}/revoke",
    f"{_SHOP}/leave",
    f"{_SHOP}/members",
    f"{_SHOP}/members/{{member_id}}",
    f"{_SHOP}/members/{{member_id}}/remove",
}
FOR_PAGES = {
    "/v1/recommendations",
    "/v1/recommendations.html",
    "/v1/recommendations/batch",
    "/v1/events",
    "/v1/search",
    "/v1/items/{item_id:path}",
}


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def address(operation: Operation) -> str:
    return re.sub(r"{\w+(:path)?}", "some-id", operation.path)


async def call(client: httpx.AsyncClient, operation: Operation, **headers: str) -> httpx.Response:
    body = b"{}" if operation.method in ("POST", "PUT", "PATCH") else b""
    if body:
        headers |= {"Content-Type": "application/json"}
    return await client.request(operation.method, address(operation), content=body, headers=headers)


def test_every_operation_names_its_policy() -> None:
    assert all(isinstance(operation.policy, Policy) for operation in OPERATIONS)
    assert {one.path for one in OPERATIONS if one.policy is PUBLIC} == OPEN | SIGN_IN
    assert {one.path for one in OPERATIONS if one.policy is STOREFRONT} <= FOR_PAGES


def test_no_address_and_method_is_declared_twice() -> None:
    assert len({named(one) for one in OPERATIONS}) == len(OPERATIONS)
    identifiers = re.findall(r'"operationId":"(\w+)"', openapi.document().decode())
    assert len(set(identifiers)) == len(OPERATIONS) == len(identifiers)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if not one.policy.public], ids=named)
async def test_nothing_is_open(client: httpx.AsyncClient, operation: Operation) -> None:
    for headers in ({}, {"Authorization": "Bearer vsk_" + "x" * 32}, {"Authorization": "Bearer "}):
        answer = await call(client, operation, **headers)
        assert answer.status_code == 401, named(operation)
        assert answer.json()["status"] == 401
        assert "www-authenticate" in answer.headers


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if "publishable" not in one.policy.kinds and not one.policy.public],
    ids=named,
)
async def test_publishable_key_does_not_open_it(
    client: httpx.AsyncClient, keys: tuple[str, str], operation: Operation
) -> None:
    answer = await call(client, operation, Authorization=f"Bearer {keys[0]}")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if "{" in one.path and "secret" in one.policy.kinds], ids=named
)
async def test_ids_that_are_not_there_are_404(backend: httpx.AsyncClient, operation: Operation) -> None:
    if operation.method != "PUT":  # which creates
        assert (await call(backend, operation)).status_code == 404


def test_document_is_valid() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    document = json.loads(openapi.document())
    OpenAPIV31SpecValidator(document).validate()
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            where = f"{method} {path}"
            assert described["summary"], where
            assert set(described["responses"]) >= {"500"}, where
            if method in ("post", "put", "patch") and "requestBody" in described:
                content = described["requestBody"]["content"]
                assert any("example" in media for media in content.values()), f"{where} has no example"


def test_every_route_of_the_application_declares_who_may_call_it(app: Starlette) -> None:
    """Operations have their policy, pages for people a session where they need one; the pages of the demo are open."""
    others = {
        route.path
        for route in app.routes
        if isinstance(route, Route | Mount) and not isinstance(getattr(route, "endpoint", None), Endpoint)
    }
    undeclared = {path for path in others if not path.startswith("/demo")}
    known = FOR_PERSONS | FOR_MEMBERS | OPEN_TO_PERSONS
    assert undeclared == known, "a new page belongs into one of these, and into tests/account"
    with pytest.raises(TypeError, match="no policy"):
        Operation(method="GET", path="/x", policy=None, tag="x", summary="x", handler=None)  # type: ignore[arg-type]
