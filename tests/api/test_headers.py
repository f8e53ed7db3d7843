"""What browsers are told on every page and answer of ours, and whom to tell of a weakness."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from server.app import build
from server.settings import Settings
from server.storage import database
from tests.conftest import ShopKeys

PAGES = ["/docs", "/demo", "/demo/no-such-shop", "/v1/items/none", "/no/such/page", "/healthz", "/openapi.json", "/"]


@pytest.mark.parametrize("path", [*PAGES, "/widget/v1.js", "/demo/static/shop.css", "/.well-known/security.txt"])
async def test_every_answer_is_guarded(client: httpx.AsyncClient, keys: ShopKeys, path: str) -> None:
    headers = (await client.get(path)).headers
    policies = headers.get_list("content-security-policy")
    assert len(policies) == 1, "two policies would both have to be met"
    directives = dict(part.strip().partition(" ")[::2] for part in policies[0].split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert "unsafe" not in policies[0]
    assert "*" not in policies[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    if headers.get("content-type") != "application/json":  # of which a browser renders nothing
        assert headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers, "this server is reached by plain http"
    assert "server" not in headers


async def test_browser_is_told_to_come_by_tls_only_where_it_can(settings: Settings, owner: object) -> None:
    await database.disconnect()
    app = build(msgspec.structs.replace(settings, public_url="https://recommend.example"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://recommend.example") as client:
            assert (await client.get("/healthz")).headers["strict-transport-security"].startswith("max-age=31536000")
            text = (await client.get("/.well-known/security.txt")).text
    assert "Contact: mailto:security@recommend.example\n" in text
    assert "Canonical: https://recommend.example/.well-known/security.txt\n" in text
    await database.connect(settings)


async def test_security_txt_says_whom_to_tell_and_until_when(client: httpx.AsyncClient) -> None:
    answer = await client.get("/.well-known/security.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"].startswith("mailto:security@")
    assert timedelta(days=100) < datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC) < timedelta(days=365)
