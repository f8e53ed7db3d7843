"""The house has floors: a room imports from below or from beside it in its own folder, never upwards."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import server
from server.settings import Settings

ROOT = Path(server.__file__).parent
# from the ground up; rooms of one entry stand on one floor and do not know each other
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"settings"}),
    frozenset({"logs", "processes"}),
    frozenset({"storage", "files", "outbound"}),
    frozenset({"shops", "mail"}),  # the tenant, on whom all rows of its neighbours hang
    frozenset({"catalog", "events"}),
    frozenset({"serving", "encoders"}),
    frozenset({"learning"}),
    frozenset({"access", "tasks"}),
    frozenset({"api", "demo", "account"}),
    frozenset(
        {"app", "checks", "bootstrapping", "configuring", "doctor", "evaluating", "serve", "supervisor", "__main__"}
    ),
)
TOP = len(FLOORS) - 1
HEAVY = {
    "torch",
    "pandas",
    "scipy",
    "transformers",
    "tokenizers",
    "skimage",
    "lxml",
    "sklearn",
    "sentence_transformers",
}


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every module of ours that a file imports, wherever in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name.startswith("server."))
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "server":
                yield from ((node.lineno, f"server.{name.name}") for name in node.names)
            elif node.module.startswith("server."):
                yield node.lineno, node.module


def room_of(module: str) -> str:
    return module.split(".")[1]


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


# migrations are history, not a room: one that adds a search index fills it with the code of the room that owns it
FILES = sorted(
    path
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts != ("__init__.py",) and "migrations" not in path.parts
)


def test_every_room_has_a_floor() -> None:
    rooms = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES}
    assert rooms <= frozenset().union(*FLOORS), "a new room needs its floor in this test"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_imports_from_below_or_beside(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for line, module in imports_of(path):
        other = room_of(module)
        allowed = other == own or floor_of(other) < floor_of(own) or floor_of(own) == TOP
        assert allowed, f"{path.relative_to(ROOT)}:{line} imports {module}, which is not below it"


@pytest.mark.parametrize("path", sorted((ROOT / "api").glob("*.py")), ids=lambda path: path.name)
def test_api_knows_the_queue_and_no_kind_of_task(path: Path) -> None:
    known = {module for _, module in imports_of(path) if room_of(module) == "tasks"}
    assert known <= {"server.tasks", "server.tasks.queue", "server.tasks.models"}


@pytest.mark.parametrize("path", sorted((ROOT / "serving").rglob("*.py")), ids=lambda path: path.name)
def test_serving_imports_nothing_of_learning(path: Path) -> None:
    assert not {module for _, module in imports_of(path) if room_of(module) in ("learning", "tasks", "api")}


CALLS_EVERYTHING = """
import asyncio, json, os, sys
import httpx
from server.access import keys
from server.api import openapi
from server.app import build
from server.settings import load
from server.shops.models import Shop

async def main():
    app = build(load())
    statuses = []
    async with app.router.lifespan_context(app):
        _, key = await keys.create(await Shop.create(id="shop_1", slug="one", name="One"), "secret")
        headers = {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as api:
            event = {"type": "view_item", "item_id": "A", "session_id": "s"}
            for method, address, body in (
                ("PUT", "/v1/items/A", {"title": "Linen shirt"}),
                ("POST", "/v1/events", {"events": [event]}),
                ("GET", "/v1/recommendations?item_id=A&session_id=s", None),
                ("GET", "/v1/search?q=linnen+shrit", None),
                ("POST", "/v1/imports", {"url": "https://shop.example/feed.xml"}),
                *(("GET", one, None) for one in ("/readyz", "/metrics", "/docs", "/openapi.json", "/demo")),
            ):
                statuses.append((await api.request(method, address, json=body)).status_code)
    rss_mb = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    print(json.dumps({"modules": sorted({name.partition(".")[0] for name in sys.modules}), "statuses": statuses,
                      "rss_mb": rss_mb}))

asyncio.run(main())
"""


@pytest.mark.slow
def test_api_process_loads_no_model_library(settings: Settings, owner: object) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VITRINA_")} | {
        "VITRINA_DATA_FOLDER": settings.data_folder,
        "VITRINA_DATABASE_URL": settings.database_url,
        "VITRINA_REDIS_URL": settings.redis_url,
        "VITRINA_LOG_LEVEL": "error",
    }
    done = subprocess.run(
        [sys.executable, "-c", CALLS_EVERYTHING], env=environment, stdout=subprocess.PIPE, text=True, timeout=120
    )
    assert done.returncode == 0
    found = json.loads(done.stdout.splitlines()[-1])
    assert max(found["statuses"]) < 300, found["statuses"]
    assert HEAVY.isdisjoint(found["modules"])
    assert found["rss_mb"] < 160, "a process with no shop loaded leaves room for snapshots"
