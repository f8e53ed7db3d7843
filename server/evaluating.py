"""`vitrina-server evaluate SHOP`: what a training would give now, as a table. Works on the database directly: no worker
and no API have to run, and nothing goes live.
"""

import asyncio
import os
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from server.settings import Settings
from server.shops.models import Shop
from server.storage import database, migrating
from server.storage.migrating import SchemaError
from server.tasks.kind import training_environment

_HEADINGS = {
    "ndcg@10": "NDCG@10",
    "recall@10": "R@10",
    "precision@10": "P@10",
    "average_precision@10": "MAP@10",
    "reciprocal_rank@10": "MRR@10",
    "coverage": "coverage",
}


def evaluate(settings: Settings, name: str, *, seed: int, as_json: bool) -> int:
    """Print what evaluating the shop with this id or slug gives; the exit code is 1 when there is no such shop."""
    os.environ.update(training_environment(settings))  # before numpy is imported
    try:
        verdict = asyncio.run(_evaluate(settings, name, seed))
    except (SchemaError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(verdict)).decode())
    else:
        _show(verdict)
    return 0


async def _evaluate(settings: Settings, name: str, seed: int) -> dict[str, Any]:
    from server.learning import train

    await database.connect(settings)
    try:
        await migrating.require_current()
        shop = await Shop.get_or_none(id=name) or await Shop.get_or_none(slug=name)
        if shop is None:
            raise LookupError(f"There is no shop {name!r}. {await _which_there_are()}")
        with _Bar() as bar:
            return await train.evaluate(shop, settings, bar, seed)
    finally:
        await database.disconnect()


async def _which_there_are() -> str:
    slugs = await Shop.all().order_by("slug").limit(20).values_list("slug", flat=True)
    return f"There are {', '.join(map(str, slugs))}." if slugs else "There is none yet."


class _Bar:
    """The stage and how far it is, on standard error where somebody looks at it."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:24}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._stage = self._bar.add_task("", total=None)

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:  # noqa: ARG002
        """Show it."""
        self._bar.update(self._stage, description=stage, completed=done, total=total or None)


def _show(verdict: dict[str, Any]) -> None:
    console = Console(highlight=False)
    figures: dict[str, dict[str, float]] = verdict.get("figures", {})
    if figures:
        table = Table("model", box=None, padding=(0, 2, 0, 0))
        for heading in _HEADINGS.values():
            table.add_column(heading, justify="right", no_wrap=True)
        for model, row in figures.items():
            table.add_row(model, *(f"{row[measure]:.4f}" for measure in _HEADINGS))
        console.print(table)
        for one in verdict["comparisons"]:
            console.print(
                f"against {one['against']}: {one['difference']:+.4f} {one['measure']}, "
                f"95 % between {one['low']:+.4f} and {one['high']:+.4f}"
            )
    console.print(f"{verdict['events']:,} events, {verdict['cases']:,} of them held back as cases. {verdict['reason']}")
