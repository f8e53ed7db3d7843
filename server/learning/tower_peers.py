"""Several processes, of one machine or many, that teach the same towers: what they tell each other at each step.

Each reads shoppers of its own, and all take the same steps, so that their weights stay equal. Torch's launcher makes
the group, see `distributed`; a process that is alone has nothing to tell.
"""

import os
import sys
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor, distributed


class Place(NamedTuple):
    """Which of how many processes this is."""

    rank: int
    size: int


def place() -> Place:
    """Where this process stands in the group, the first of one when there is none."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Place(0, 1)
    return Place(distributed.get_rank(), distributed.get_world_size())


def average(gradients: list[Tensor]) -> None:
    """Replace these by their means over all processes, in one message."""
    size = place().size
    if size == 1:
        return
    flat = torch.cat([gradient.ravel() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= size
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def gathered(rows: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
    """All rows of a table that some process read, each once, and the means of their gradients over all processes.

    `rows` (u,) int64 differ within a process; `gradients` (u, d) float32.
    """
    size = place().size
    if size == 1:
        return rows, gradients
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(size)]
    distributed.all_gather(counts, torch.tensor([len(rows)]))
    most = int(max(counts))
    all_rows = [rows.new_zeros(most) for _ in range(size)]
    all_gradients = [gradients.new_zeros(most, gradients.shape[1]) for _ in range(size)]
    padding = most - len(rows)  # as a message has one size
    distributed.all_gather(all_rows, torch.cat([rows, rows.new_zeros(padding)]))
    distributed.all_gather(all_gradients, torch.cat([gradients, gradients.new_zeros(padding, gradients.shape[1])]))
    every_row = torch.cat([values[: int(count)] for values, count in zip(all_rows, counts, strict=True)])
    every_gradient = torch.cat([values[: int(count)] for values, count in zip(all_gradients, counts, strict=True)])
    together, where = torch.unique(every_row, return_inverse=True)
    summed = torch.zeros(len(together), gradients.shape[1]).index_add_(0, where, every_gradient)
    return together, summed / size


def total(values: Tensor) -> Tensor:
    """The sum of these values over all processes."""
    if place().size > 1:
        distributed.all_reduce(values)
    return values


def agree(digest: int) -> bool:
    """Whether all processes have the same number here, one of less than 63 bits."""
    extremes = torch.tensor([digest, -digest])
    if place().size > 1:
        distributed.all_reduce(extremes, distributed.ReduceOp.MAX)
    return int(extremes[0]) == -int(extremes[1])


def leave() -> NoReturn:
    """End this process, successful, once all have come so far.

    Without the libraries' own farewell: threads of gloo now and then abort a process whose peers have gone before it.
    """
    distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
