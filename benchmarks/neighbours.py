"""What a busy shop costs its neighbour: `python -m benchmarks.neighbours [--rounds 8] [--data-folder FOLDER]`.

Starts Vitrina as `vitrina-server up` does, every setting at its default, on a data folder of its own (or the one
named, where the demo was loaded before). The gift shop's customers ask 20 times a second for personal lists, in turn
alone, and beside 100 times as many of Luma's, who soon get 429 for what is over Luma's limits.

Whoever asks 2,000 times a second uses the processor too. So the crowd and the customers have the first core, Vitrina
has the others (without a worker, whose learning has nothing to do with it), and while the gift shop is alone the same
crowd asks an empty process. Rounds alternate and medians of them are shown, so that what else the machine does spoils a
round and not the figure; ends with exit code 1 when p95 beside the crowd is a fifth or more above p95 alone.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.crowd import Answered, visit
from benchmarks.load import personal
from benchmarks.pressing import Request
from benchmarks.starting import free_port, process, until_it_answers
from server.demo import state
from server.settings import Settings

MOST_RATIO = 1.2
CALM_PER_S, TIMES = 20.0, 100
_ROUND_S = 5.0
_CALM_CONNECTIONS, _CROWD_CONNECTIONS = 8, 64  # enough to meet every API process
_SETTLE_S = 1.0  # what the busy shop had saved is used up


class Side(NamedTuple):
    """Who asks what, and where."""

    port: int
    requests: Sequence[Request]
    key: str


def main() -> int:
    """Run all of it and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=8, help="of five seconds alone and five beside the crowd")
    parser.add_argument("--data-folder", help="where the demo was loaded before; empty: load it anew")
    options = parser.parse_args()
    console = Console()
    with contextlib.ExitStack() as stack:
        folder = options.data_folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="vitrina-neighbours-"))
        port, empty_port = free_port(), free_port()
        environment = os.environ | {"VITRINA_DATA_FOLDER": folder, "VITRINA_PORT": str(port)}
        environment |= {"VITRINA_WORKER_PROCESSES": "0"} if state.load(Settings(data_folder=folder)) else {}
        if not state.load(Settings(data_folder=folder)):
            console.print("Loading the demo shops; this takes a minute or two.")
            command = [sys.executable, "-m", "server", "demo", "--check"]
            subprocess.run(command, env=environment, check=True, timeout=900)
        first, *others = psutil.Process().cpu_affinity() or [0]
        psutil.Process().cpu_affinity(others or [first])
        stack.enter_context(process(["-m", "server", "up"], environment))
        psutil.Process().cpu_affinity([first])
        stack.enter_context(process(["-m", "benchmarks.hello", str(empty_port)], environment))
        until_it_answers(f"http://127.0.0.1:{empty_port}/")
        until_it_answers(f"http://127.0.0.1:{port}/readyz")
        shops = state.load(Settings(data_folder=folder))
        calm = Side(port, personal(), shops["gift-shop"].publishable_key)
        crowd = Side(port, _pages(), shops["luma"].publishable_key)
        nobody = Side(empty_port, [Request("/")], "none")
        pool = stack.enter_context(ProcessPoolExecutor(1, initializer=os.nice, initargs=(5,)))
        return _tell(console, *_measure(pool, calm, crowd, nobody, options.rounds))


def _pages() -> list[Request]:
    """Luma's home page, seen by visitors of whom each gets a list of their own."""
    return [Request(f"/v1/recommendations?placement=home&session_id=s{number}") for number in range(500)]


def _measure(
    pool: ProcessPoolExecutor, calm: Side, crowd: Side, nobody: Side, rounds: int
) -> tuple[list[list[float]], list[list[float]], Counter[int]]:
    """Milliseconds of the calm shop's answers, by round, alone and beside the crowd; what the crowd was answered."""
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    told: Counter[int] = Counter()
    for number in range(rounds + 1):  # the first one warms up, and uses up what the crowd's key had saved
        quiet, _ = _round(pool, calm, nobody)
        noisy, answers = _round(pool, calm, crowd)
        if number:
            alone.append(quiet)
            beside.append(noisy)
            told.update(one.status for one in answers)
    return alone, beside, told


def _round(pool: ProcessPoolExecutor, calm: Side, other: Side) -> tuple[list[float], list[Answered]]:
    crowd = pool.submit(visit, *other, CALM_PER_S * TIMES, _ROUND_S + 2 * _SETTLE_S, _CROWD_CONNECTIONS)
    time.sleep(_SETTLE_S)
    answered = visit(*calm, CALM_PER_S, _ROUND_S, _CALM_CONNECTIONS)
    failed = [one.status for one in answered if one.status != 200]
    if failed:
        raise RuntimeError(f"The calm shop was refused: {failed[:5]}")
    return [one.ms for one in answered], crowd.result()


def _tell(console: Console, alone: list[list[float]], beside: list[list[float]], told: Counter[int]) -> int:
    title = f"A shop asked {CALM_PER_S:.0f} times a second"
    table = Table("", "requests", "p50 ms", "p95 ms", "p99 ms", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, rounds in (("alone", alone), (f"beside one asked {TIMES} times as often", beside)):
        figures = (median(_percentile(times, share) for times in rounds) for share in (0.5, 0.95, 0.99))
        table.add_row(name, str(sum(map(len, rounds))), *(f"{figure:.2f}" for figure in figures))
    console.print(table)
    ratios = [_percentile(its, 0.95) / _percentile(own, 0.95) for own, its in zip(alone, beside, strict=True)]
    ratio = median(ratios)
    total = sum(told.values())
    answers = ", ".join(f"{status}: {count / total:.0%}" for status, count in sorted(told.items()))
    console.print(f"The busy shop's {total:,} requests were answered {answers}.")
    met = ratio < MOST_RATIO
    console.print(f"p95 beside / alone, of each round: {', '.join(f'{one:.2f}' for one in sorted(ratios))}.")
    console.print(f"Their median: {ratio:.2f}; {'met' if met else 'missed'}: less than {MOST_RATIO}.")
    return 0 if met else 1


def _percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


if __name__ == "__main__":
    sys.exit(main())
