"""Figures over seeds, as a table, as Markdown, and as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.quality.running import Judged, K
from benchmarks.quality.targets import Target, targets

# How a measure is called in the tables of papers and in the JSON document, and its name in the code.
_MEASURES = {
    f"P@{K}": ("precision_at_10", "precision"),
    f"R@{K}": ("recall_at_10", "recall"),
    f"MAP@{K}": ("map_at_10", "average_precision"),
    f"NDCG@{K}": ("ndcg_at_10", "ndcg"),
    f"MRR@{K}": ("mrr_at_10", "reciprocal_rank"),
    f"HR@{K}": ("hit_rate_at_10", "hit"),
    "coverage": ("coverage", "coverage"),
    "pop. pct.": ("popularity_percentile", "percentile"),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model reached in a test: means over seeds, and their standard deviations, by measure."""

    model: str
    seeds: list[int]
    cases: int
    events: int
    products: int
    means: dict[str, float]
    deviations: dict[str, float]
    fit_s: float
    score_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Results:
    """All models of one test of one data set under one protocol, in the order in which they ran."""

    folder: str
    protocol: str
    order: str
    split: str
    test: str
    figures: list[Figures]
    targets: dict[str, Target]


def collect(folder: str, protocol: str, order: str, judged: Iterable[Judged]) -> list[Results]:
    """Gather what was judged, test by test."""
    tests: dict[tuple[str, str], dict[str, list[Judged]]] = {}
    for one in judged:
        tests.setdefault((one.split, one.test), {}).setdefault(one.model, []).append(one)
    results: list[Results] = []
    for (split, test), models in tests.items():
        figures = [_figures(runs) for runs in models.values()]
        reached = {of.model: of.means for of in figures}
        wanted = targets(folder, protocol, order, test, reached)
        results.append(Results(folder, protocol, order, split, test, figures, wanted))
    return results


def _figures(runs: Sequence[Judged]) -> Figures:
    of_runs = [
        run.evaluation.means | {"coverage": run.evaluation.coverage, "percentile": run.evaluation.percentile}
        for run in runs
    ]
    values = {name: np.array([of[name] for of in of_runs]) for name in of_runs[0]}
    return Figures(
        runs[0].model,
        [run.seed for run in runs],
        round(float(np.mean([len(run.evaluation) for run in runs]))),
        round(float(np.mean([run.events for run in runs]))),
        runs[0].products,
        means={name: float(of.mean()) for name, of in values.items()},
        deviations={name: float(of.std(ddof=1)) if len(of) > 1 else 0.0 for name, of in values.items()},
        fit_s=float(np.mean([run.fit_s for run in runs])),
        score_s=float(np.mean([run.evaluation.seconds for run in runs])),
        peak_mb=max(run.peak_mb for run in runs),
    )


def show(results: Sequence[Results], console: Console) -> None:
    """Print a table for each test."""
    for of in results:
        table = Table(title=_title(of))
        for number, column in enumerate(_columns()):
            table.add_column(column, justify="left" if number == 0 else "right", no_wrap=number > 0)
        for row in _rows(of):
            table.add_row(*row)
        console.print(table)


def markdown(results: Sequence[Results]) -> str:
    """The same tables in Markdown."""
    parts: list[str] = []
    for of in results:
        lines = [_columns(), ["---", *["---:"] * (len(_columns()) - 1)], *_rows(of)]
        parts.append(f"**{_title(of)}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(parts)


def _title(of: Results) -> str:
    first = of.figures[0]
    ways = of.protocol + (f" by {of.order}" if of.order else "")
    named = ", ".join(part for part in (of.folder, ways, of.split, of.test) if part)
    return f"{named}: {first.cases:,} cases, {first.products:,} products, {first.events:,} training events"


def _columns() -> list[str]:
    return ["model", *_MEASURES, "fit s", "peak MB"]


def _rows(of: Results) -> list[list[str]]:
    rows: list[list[str]] = []
    for one in of.figures:
        measures = [_figure(one.means[name], one.deviations[name]) for _, name in _MEASURES.values()]
        rows.append([one.model, *measures, f"{one.fit_s:.1f}", f"{one.peak_mb:.0f}"])
    for title, number in (("must reach", 0), ("aim", 1)):
        if of.targets:
            wanted = [of.targets.get(name) for _, name in _MEASURES.values()]
            rows.append([title, *(f"{target[number]:.4f}" if target else "" for target in wanted), "", ""])
    return rows


def _figure(mean: float, deviation: float) -> str:
    if np.isnan(mean):
        return "-"
    return f"{mean:.4f}" + (f" ±{deviation:.4f}" if deviation else "")


def document(results: Sequence[Results], failures: Sequence[str]) -> dict[str, Any]:
    """All figures as one JSON document; a measure that has none is null."""
    return {"k": K, "results": [_test(of) for of in results], "failures": list(failures)}


def _test(of: Results) -> dict[str, Any]:
    called = {name: key for key, name in _MEASURES.values()}
    return {
        "folder": of.folder,
        "protocol": of.protocol,
        "order": of.order,
        "split": of.split,
        "test": of.test,
        "models": [
            {
                "model": one.model,
                "seeds": one.seeds,
                "cases": one.cases,
                "products": one.products,
                "events": one.events,
                **{key: _finite(one.means[name]) for name, key in called.items()},
                "standard_deviations": {key: _finite(one.deviations[name]) for name, key in called.items()},
                "fit_s": one.fit_s,
                "score_s": one.score_s,
                "peak_mb": one.peak_mb,
            }
            for one in of.figures
        ],
        "targets": {called[name]: target._asdict() for name, target in of.targets.items()},
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
