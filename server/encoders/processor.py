"""What this machine's processor offers to the models, and how much of it one worker takes."""

import os
from functools import cache
from pathlib import Path

_MOST_THREADS = 4  # the models here are small; more threads wait for each other longer than they work


@cache
def has_bfloat16() -> bool:
    """Whether matrix products in bfloat16 are done by the processor itself; emulated ones are slower than float32."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False  # not Linux: float32 is always right
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def bounded_threads() -> int:
    """Bound torch's threads to the cores this process may use, four at most; `OMP_NUM_THREADS` goes first."""
    import torch

    wanted = os.environ.get("OMP_NUM_THREADS", "")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = int(wanted) if wanted.isdecimal() and int(wanted) > 0 else min(allowed, _MOST_THREADS)
    torch.set_num_threads(threads)
    return threads
