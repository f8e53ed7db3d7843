"""Prints how good the product and its peers are on shops' pasts: `python -m benchmarks.quality FOLDER …`.

Tables (or one JSON document) go to standard output, what is going on to standard error.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.quality import folders, results, running
from benchmarks.quality.folders import FolderError
from benchmarks.quality.peers import PEERS
from benchmarks.quality.protocols import PROTOCOLS
from benchmarks.quality.splits import ProtocolError

_MODELS = (*PEERS, running.OURS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 when nothing could be measured, 2 when it asks for nothing."""
    asked = _parser().parse_args(arguments)
    chosen = [*asked.folders, *(_sets(asked.data) if asked.data else [])]
    if not chosen:
        print("Name a folder that holds interactions.csv.gz and items.csv.gz, or --data FOLDER.", file=sys.stderr)
        return 2
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(asked.threads)  # for the children, which load the libraries
    log = Console(stderr=True, highlight=False)
    found: list[results.Results] = []
    failures: list[str] = []
    for folder in chosen:
        try:
            for protocol in asked.protocol or folders.protocols(folder):
                judged = list(_judged(folder, protocol, asked, log, failures))
                found += results.collect(folder.name, protocol, asked.order, judged)
        except (FolderError, ProtocolError) as error:
            failures.append(str(error))
            log.print(f"[red]{error}[/red]", soft_wrap=True)
    if asked.json:
        print(json.dumps(results.document(found, failures), indent=1, allow_nan=False))
    elif asked.markdown:
        print(results.markdown(found))
    else:
        results.show(found, Console(width=None if sys.stdout.isatty() else 200))
    return 0 if found else 1


def _judged(
    folder: Path, protocol: str, asked: argparse.Namespace, log: Console, failures: list[str]
) -> Iterator[running.Judged]:
    way = PROTOCOLS[protocol]
    shop = folders.read(folder, order=asked.order, timed=way.timed)
    log.print(f"{folder.name}: {len(shop.histories):,} events, {len(shop.products):,} products; {protocol}")
    began = time.perf_counter()

    def tell(done: str) -> None:
        log.print(f"  {time.perf_counter() - began:6.0f} s  {done}", soft_wrap=True)

    failed: set[str] = set()
    for number, seed in enumerate(asked.seeds):
        if number and not way.by_chance and not any(_by_chance(model) for model in asked.models):
            break
        for split in way.cut(shop, asked.cut, seed):
            if split.name:
                tell(split.name)
            for model in asked.models:
                if model in failed or (number and not way.by_chance and not _by_chance(model)):
                    continue
                try:
                    yield from running.judge(split, model, seed, tell)
                except running.ModelError as error:
                    failed.add(model)
                    failures.append(f"{folder.name}, {protocol}: {error}")
                    log.print(f"[red]{error}[/red]", soft_wrap=True)


def _by_chance(model: str) -> bool:
    return model == running.OURS or PEERS[model].by_chance


def _sets(parent: Path) -> list[Path]:
    return sorted(folder for folder in parent.iterdir() if folders.is_set(folder))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="a data set")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a folder of data sets, all of which are run")
    names = ", ".join(PROTOCOLS)
    parser.add_argument("--protocol", type=_protocols, help=f"some of {names}; those that fit by itself")
    parser.add_argument("--order", default="", metavar="COLUMN", help="the column that tells what came first")
    parser.add_argument("--cut", type=_moment, metavar="EPOCH", help="where time-cut and next-basket cut, or a date")
    parser.add_argument("--models", type=_models, default=_MODELS, help=f"some of {', '.join(_MODELS)}; all by itself")
    parser.add_argument("--seeds", type=_seeds, default=[0], help="for what chance has a part in, such as 0,1,2")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for linear algebra; all by itself")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--markdown", action="store_true", help="tables for a page")
    return parser


def _protocols(text: str) -> list[str]:
    return _among(text, PROTOCOLS)


def _models(text: str) -> list[str]:
    return _among(text, _MODELS)


def _among(text: str, known: Collection[str]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not among {', '.join(known)}")
    return names


def _seeds(text: str) -> list[int]:
    return [int(seed) for seed in text.split(",")]


def _moment(text: str) -> int:
    """A moment in milliseconds, of seconds since 1970 or of an ISO date, UTC."""
    if text.isdigit():
        return int(text) * 1000
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


if __name__ == "__main__":
    sys.exit(main())
