"""Prints what catalogs of growing size cost: `python -m benchmarks.scale [--sizes 1000,10000] [--plot FILE.svg]`.

The catalogs are synthetic: the gift shop's real items and invoices, repeated. One thread. A table (or one JSON
document) goes to standard output, what is going on to standard error. Needs Linux, which tells a process its peak of
memory.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.scale import report
from benchmarks.scale.running import SizeError, in_child
from benchmarks.scale.stages import Measured

_SIZES = (1_000, 10_000, 100_000)
_MOST_EVENTS = 3_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the sizes that the command line asks for, each in a process of its own."""
    asked = _parser().parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    log = Console(stderr=True, highlight=False)
    found: list[Measured] = []
    for size in asked.sizes:
        log.print(f"{size:,} products")
        began = time.perf_counter()

        def tell(done: str, began: float = began) -> None:
            log.print(f"  {time.perf_counter() - began:6.0f} s  {done}")

        try:
            found.append(in_child(size, asked.events, tell))
        except SizeError as error:
            log.print(f"[red]{error}[/red]")
    if asked.plot:
        asked.plot.write_text(report.plot(found), encoding="utf-8")
    if asked.json:
        print(json.dumps(report.document(found), indent=1))
    else:
        print(report.markdown(found))
    return 0 if len(found) == len(asked.sizes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=_SIZES, help="numbers of products, such as 1000,1000000")
    parser.add_argument("--events", type=int, default=_MOST_EVENTS, help="most events of a catalog, about")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write the curves there")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
