"""`vitrina-server demo`: starts Vitrina, brings two real shops in through the public API, and shows what it recommends.

A second start finds the shops as they are. With `--check` every placement must answer, and then everything ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from server.demo import catalogs, showing, state
from server.demo.client import Api, DemoError, connected
from server.demo.state import DemoShop
from server.settings import Settings

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15

LUMA = {"slug": "luma", "name": "Luma", "currency": "USD", "locale": "en-US", "timezone": "America/New_York"}
GIFT_SHOP = {
    "slug": "gift-shop",
    "name": "Gift shop",
    "currency": "GBP",
    "locale": "en-GB",
    "timezone": "Europe/London",
}


def demo(settings: Settings, check: bool = False) -> int:
    """Run the demo in the foreground; returns the exit code."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server is ended in order then too
    try:
        with _vitrina(settings, console) as (api, server):
            seconds = _load(settings, api, console)
            showing.show(console, api, state.load(settings), seconds)
            if check:
                showing.check(console, api, state.load(settings))
                return 0
            _stay_up(settings, console, server)
    except DemoError as error:
        console.print(f"[bold red]The demo stopped.[/] {error}")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
    return 0


@contextlib.contextmanager
def _vitrina(settings: Settings, console: Console) -> Iterator[tuple[Api, subprocess.Popen[bytes] | None]]:
    """A running Vitrina: the one that already serves this data folder, or one started for the demo."""
    with connected(settings.base_url) as api:
        if api.ready():
            console.print(f"Vitrina already runs at {settings.base_url}.")
            yield api, None
            return
        settings.folder.mkdir(parents=True, exist_ok=True)
        log = settings.folder / "demo.log"
        with log.open("ab") as output:
            begins_at = output.tell()
            server = subprocess.Popen(
                [sys.executable, "-m", "server", "up"],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo only, which then ends the server in order
                env=os.environ | {"VITRINA_LOG_FORMAT": "json"},
            )
        try:
            with console.status("Starting Vitrina: database, Redis, API and worker"):
                _wait_until_ready(api, server, log, begins_at)
            yield api, server
        finally:
            server.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(STOP_TIMEOUT_S)


def _wait_until_ready(api: Api, server: subprocess.Popen[bytes], log: Path, begins_at: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not api.ready():
        if server.poll() is not None or time.monotonic() > deadline:
            said = log.read_bytes()[begins_at:].decode(errors="replace").splitlines()
            plain = [line for line in said if not line.startswith("{")] or said  # what is not JSON is meant for people
            raise DemoError("\n".join([*plain[-8:], f"The whole log is {log}."]))
        time.sleep(0.1)


def _load(settings: Settings, api: Api, console: Console) -> dict[str, float]:
    """Bring in what is not there yet. Returns the seconds of each stage, in order; empty when all was there."""
    seconds: dict[str, float] = {}
    known = state.load(settings)
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        for fields, imports in ((LUMA, _luma_imports), (GIFT_SHOP, _gift_shop_imports)):
            shop = known.get(fields["slug"])
            if shop is not None and shop.loaded and api.knows(shop):
                continue
            if shop is None or not api.knows(shop):
                shop = api.create_shop(_operator_key(settings), fields)
                state.save(settings, shop)
            with tempfile.TemporaryDirectory(prefix="vitrina-demo-") as folder:
                for file, options in imports(Path(folder)):
                    task = api.start_import(shop, file, options)
                    _follow(api, shop, task, progress, seconds)
            _follow_rest(api, shop, progress, seconds)
            state.save(settings, msgspec.structs.replace(shop, loaded=True))
    return seconds


Imports = Iterator[tuple[Path, dict[str, Any]]]


def _luma_imports(folder: Path) -> Imports:
    file = folder / "luma.jsonl"
    catalogs.write_luma(file)
    yield file, {"kind": "items", "format": "auto"}


def _gift_shop_imports(folder: Path) -> Imports:
    file = folder / "gift-shop.jsonl"
    catalogs.write_gift_shop(file)
    yield file, {"kind": "items", "format": "auto"}
    options = {"kind": "events", "format": "csv", "mapping": catalogs.INVOICE_COLUMNS, "timezone": "Europe/London"}
    yield catalogs.INVOICE_LINES, options


def _follow_rest(api: Api, shop: DemoShop, progress: Progress, seconds: dict[str, float]) -> None:
    """Wait for the tasks that the imports brought along: encoding and indexing. Not for a training, whose hour may come
    meanwhile: it takes minutes, and recommendations do not wait for it.
    """
    while unfinished := [task for task in api.unfinished_tasks(shop) if task["kind"] != "train"]:
        _follow(api, shop, unfinished[0]["id"], progress, seconds)


def _follow(api: Api, shop: DemoShop, task_id: str, progress: Progress, seconds: dict[str, float]) -> None:
    bars: dict[str, Any] = {}
    started = time.monotonic()

    def on_progress(task: dict[str, Any]) -> None:
        nonlocal started
        waiting = task["status"] == "queued"
        stage = f"{shop.name}: {'waiting for a worker' if waiting else task['stage'] or 'starting ' + task['kind']}"
        detail = task.get("detail") or {}
        if stage not in bars:
            _finish(progress, bars, seconds, started)
            started = time.monotonic()
            bars[stage] = progress.add_task(stage, total=None)
        progress.update(bars[stage], completed=detail.get("done", 0), total=detail.get("total") or None)

    api.follow(shop, task_id, on_progress)
    _finish(progress, bars, seconds, started)


def _finish(progress: Progress, bars: dict[str, Any], seconds: dict[str, float], started: float) -> None:
    if not bars:
        return
    stage, bar = list(bars.items())[-1]
    total = next(task.total for task in progress.tasks if task.id == bar)
    progress.update(bar, completed=total or 1, total=total or 1)
    progress.stop_task(bar)
    seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - started


def _operator_key(settings: Settings) -> str:
    path = settings.folder / "operator.key"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise DemoError(
            f"{path} is missing, so another Vitrina answers at {settings.base_url}. "
            "Stop it, or set VITRINA_PORT to a free port."
        ) from None


def _stay_up(settings: Settings, console: Console, server: subprocess.Popen[bytes] | None) -> None:
    pages: Callable[[str], str] = lambda slug: f"[link]{settings.base_url}/demo/{slug}[/link]"  # noqa: E731
    console.print(f"\n  Luma       {pages('luma')}\n  Gift shop  {pages('gift-shop')}\n")
    if server is None:
        return
    console.print("Ctrl-C stops everything.")
    if server.wait() != 0:
        raise DemoError(f"Vitrina ended by itself; {settings.folder / 'demo.log'} tells why.")
