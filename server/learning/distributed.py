"""The two towers taught by several processes, each with its share of the shoppers: for a shop too large for one worker.

`train` starts the processes on this machine. On several, write a job into a folder that all of them see (`tower_job`)
and start on each, with the address of one of them:

    torchrun --nnodes 2 --rdzv-backend c10d --rdzv-endpoint HOST:29400 -m server.learning.distributed JOB RESULT
"""

import os
import subprocess
import sys
import time
from collections import deque
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from torch import distributed

from server.events.histories import Histories
from server.learning import tower_job, tower_peers, tower_training
from server.learning.cases import Cases
from server.learning.tower_job import Job
from server.learning.tower_training import Progress
from server.learning.two_tower import Settings, TwoTower

_TOLD_EVERY_S = 0.2
_LEAVES_WITHIN_S = 10.0
_LAST_WORDS = 80  # lines of the processes' output that an error shows
_ROOT = Path(__file__).parents[2]


class LostProcess(Exception):  # noqa: N818 - reads as what happened
    """A process ended before the towers were taught; the others were stopped."""


def train(
    histories: Histories,
    content: NDArray[np.floating],
    settings: Settings,
    validation: Cases | None = None,
    progress: Progress = lambda *_: None,
    *,
    processes: int = 2,
) -> TwoTower:
    """Do what `tower_training.train` does by several processes of this machine. Raises `LostProcess`."""
    with TemporaryDirectory(prefix="vitrina-towers-") as name:
        job, result = Path(name) / "job", Path(name) / "result"
        job.mkdir()
        tower_job.write(job, Job(histories, content, settings, validation))
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        running = subprocess.Popen(
            [sys.executable, "-m", *launcher, "-m", __name__, str(job), str(result)],
            cwd=_ROOT,
            env=os.environ | {"OMP_NUM_THREADS": str(settings.threads)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            last_words = _listen(running, progress)
            if running.wait() != 0:
                raise LostProcess("\n".join(last_words))
        finally:
            _end(running)
        return tower_job.read_towers(result)


def main(job: Path, result: Path) -> None:
    """Be one process of a group that a launcher started: teach with the others; the first one writes the result."""
    distributed.init_process_group("gloo")
    here = tower_peers.place()
    progress = _tell() if here.rank == 0 else lambda *_: None
    histories, content, settings, validation = tower_job.read(job)
    towers = tower_training.train(histories, content, settings, validation, progress)
    if not tower_peers.agree(_digest(towers)):
        raise RuntimeError("The processes were taught different towers; are their machines and libraries alike?")
    if here.rank == 0:
        tower_job.write_towers(result, towers)
    tower_peers.leave()


def _listen(running: subprocess.Popen[str], progress: Progress) -> list[str]:
    """Pass progress on until the output ends; gives its last other lines."""
    assert running.stdout is not None
    last_words = deque[str](maxlen=_LAST_WORDS)
    for line in running.stdout:
        match line.split():
            case ["taught", done, total]:
                progress(int(done), int(total))
            case _:
                last_words.append(line.rstrip())
    return list(last_words)


def _end(running: subprocess.Popen[str]) -> None:
    """Stop the launcher, which stops its processes, where it still runs."""
    running.terminate()
    try:
        running.wait(_LEAVES_WITHIN_S)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
    assert running.stdout is not None
    running.stdout.close()


def _tell() -> Progress:
    told_s = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= _TOLD_EVERY_S or done == total:
            told_s = now_s
            print(f"taught {done} {total}", flush=True)

    return tell


def _digest(towers: TwoTower) -> int:
    """A number that differs where any weight does."""
    read = blake2b(digest_size=7)
    for values in (towers.items, *towers.weights.values()):
        read.update(values.tobytes())
    return int.from_bytes(read.digest(), "big")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
