"""Curves and tables of what catalogs of growing size cost."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.scale.stages import Measured

_SYNTHETIC = "synthetic: the gift shop's real items and invoices, repeated"
_PANEL, _HEIGHT, _LEFT, _TOP, _GAP = 330, 300, 60, 50, 130  # pixels
# of Okabe and Ito, told apart by people who see few colours
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000", "#999999")

_Curves = Mapping[str, Sequence[tuple[float, float]]]


def markdown(found: Sequence[Measured]) -> str:
    """Tables for a page."""
    stages = [stage.name for stage in found[0].stages] if found else []
    heads = ["products", "events", "without events", *stages, "index", "recall", "p50 ms", "p99 ms"]
    lines = [f"Catalogs are {_SYNTHETIC}. Per stage: seconds of one core / peak MB of the process.", "", _row(heads)]
    lines.append(_row(["---:"] * len(heads)))
    for one in found:
        told = [f"{stage.seconds:,.1f} / {stage.peak_mb:,.0f}" for stage in one.stages]
        counts = [f"{number:,}" for number in (one.products, one.events, one.without_events)]
        lines.append(_row([*counts, *told, one.index, f"{one.recall:.3f}", f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}"]))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def document(found: Sequence[Measured]) -> dict[str, Any]:
    """The same for programs."""
    return {"catalogs": _SYNTHETIC, "sizes": [dataclasses.asdict(one) for one in found]}


def plot(found: Sequence[Measured]) -> str:
    """Seconds, memory and milliseconds against products, both axes logarithmic, as an SVG document."""
    names = [stage.name for stage in found[0].stages] if found else []
    seconds = {name: [(one.products, one.stages[at].seconds) for one in found] for at, name in enumerate(names)}
    memory = {name: [(one.products, one.stages[at].peak_mb) for one in found] for at, name in enumerate(names)}
    answers = {
        "p50": [(one.products, one.p50_ms) for one in found],
        "p99": [(one.products, one.p99_ms) for one in found],
    }
    panels: list[tuple[str, _Curves]] = [
        ("seconds by stage", seconds),
        ("peak MB by stage", memory),
        ("ms of a request", answers),
    ]
    drawn = [
        f'<g transform="translate({_LEFT + number * (_PANEL + _GAP)},{_TOP})">{_panel(title, curves)}</g>'
        for number, (title, curves) in enumerate(panels)
    ]
    width, height = _LEFT + len(panels) * (_PANEL + _GAP), _TOP + _HEIGHT + 70
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="{_LEFT}" y="22" font-size="14">Catalogs of growing size, one thread ({_SYNTHETIC})</text>'
        f"{''.join(drawn)}</svg>\n"
    )


def _panel(title: str, curves: _Curves) -> str:
    points = [point for curve in curves.values() for point in curve]
    wide, high = (_decades([point[axis] for point in points]) for axis in (0, 1))

    def across(value: float) -> float:
        return (math.log10(value) - wide[0]) / (wide[-1] - wide[0]) * _PANEL

    def down(value: float) -> float:
        return _HEIGHT - (math.log10(max(value, 10 ** high[0])) - high[0]) / (high[-1] - high[0]) * _HEIGHT

    parts = [f'<text x="0" y="-8" font-weight="bold">{title}</text>']
    for decade in high:
        y = down(10.0**decade)
        parts.append(f'<path d="M0 {y:.1f}H{_PANEL}" stroke="#ddd"/>')
        parts.append(f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:,g}</text>')
    for decade in wide:
        x = across(10.0**decade)
        parts.append(f'<path d="M{x:.1f} 0V{_HEIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT + 18}" text-anchor="middle">{10**decade:,}</text>')
    parts.append(f'<text x="{_PANEL / 2}" y="{_HEIGHT + 38}" text-anchor="middle">products</text>')
    for number, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(across(x), down(y)) for x, y in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(f'<text x="{_PANEL + 10}" y="{16 * number + 12}" fill="{colour}">{name}</text>')
    return "".join(parts)


def _decades(values: Sequence[float]) -> list[int]:
    """The exponents of the powers of ten that hold all values, two at least."""
    logs = [math.log10(max(value, 0.01)) for value in values] or [0.0]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return list(range(low, max(high, low + 1) + 1))
