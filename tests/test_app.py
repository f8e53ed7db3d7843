"""The application as a whole: how it starts, what it says when it cannot, how it ends."""

import asyncio
import threading
import time

import httpx
import msgspec
import pytest

from server import app as application
from server.app import StartFailed, build
from server.settings import Settings
from server.storage.migrating import SchemaError


async def test_started_application_answers_and_ends_without_a_thread_left(settings: Settings) -> None:
    def lasting() -> set[threading.Thread]:
        # the loop's own pool ends with the loop
        return {one for one in threading.enumerate() if not one.daemon and not one.name.startswith("asyncio_")}

    before = lasting()
    app = build(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://vitrina.test") as client,
    ):
        assert (await client.get("/readyz")).status_code == 200
    give_up_at = time.monotonic() + 2  # a connection's thread ends a moment after its connection
    while not lasting() <= before:
        assert time.monotonic() < give_up_at, "the process could not end"
        await asyncio.sleep(0.01)


async def test_database_that_was_not_migrated_is_told_as_such(settings: Settings) -> None:
    if settings.database_url.startswith("postgres"):
        empty = settings.database_url.replace("/postgres?", "/template1?")
    else:
        empty = f"sqlite://{settings.folder / 'empty.sqlite3'}"
    app = build(msgspec.structs.replace(settings, database_url=empty))
    with pytest.raises(SchemaError, match="vitrina-server migrate"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize(
    ("setting", "address", "part"),
    [
        ("redis_url", "unix:///nowhere/redis.sock", "Redis"),
        ("database_url", "postgres://postgres:secret@/nothing?host=/nowhere", "The database"),
    ],
)
async def test_part_that_is_away_is_named_after_a_while(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, setting: str, address: str, part: str
) -> None:
    monkeypatch.setattr(application, "_PATIENCE_S", 0.6)
    app = build(msgspec.structs.replace(settings, **{setting: address}))
    started = time.monotonic()
    with pytest.raises(StartFailed, match=part) as failure:
        async with app.router.lifespan_context(app):
            pass
    assert setting in str(failure.value)
    assert "secret" not in str(failure.value)
    assert "\n" not in str(failure.value)
    assert 0.5 < time.monotonic() - started < 5


async def test_server_is_told_the_reason_in_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "_PATIENCE_S", 0.0)
    app = build(msgspec.structs.replace(settings, redis_url="unix:///nowhere/redis.sock"))
    said: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        said.append(message)

    with pytest.raises(StartFailed):
        await app({"type": "lifespan", "state": {}}, receive, send)
    assert said[-1]["type"] == "lifespan.startup.failed"
    assert said[-1]["message"].startswith("Redis does not answer")
    assert "\n" not in said[-1]["message"]
