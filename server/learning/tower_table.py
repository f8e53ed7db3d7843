"""The products' own vectors while they are taught: a step touches only the rows that its batch reads.

So a step costs as much with a million products as with a thousand, and still every row ends where Adam over the whole
table would have put it.
"""

import math

import torch
from torch import Tensor

_SPREAD = 0.02  # of the vectors at the start
_MOMENTUM, _MEMORY = 0.9, 0.98  # Adam's β₁ and β₂, as the rest of the towers has them
_SLOWING = _MOMENTUM / math.sqrt(_MEMORY)  # what a row's steps without a gradient shrink by, one after the other
_EPSILON = 1e-8
_STANDS_AFTER = 200  # such steps: 0.91²⁰⁰ is nothing to float32


class Table:
    """Vectors (n, d) taught by Adam (Kingma and Ba 2015), which moves a row on for a while after its last gradient.

    That movement is caught up with when a row is read again: `drift` says for each step how far a row that was last
    taught then has to go, as a multiple of its direction by its size.
    """

    def __init__(self, vectors: Tensor, steps: int) -> None:
        self._vectors = vectors
        self._direction = torch.zeros_like(vectors)
        self._square = torch.zeros_like(vectors)
        self._settled = torch.zeros(len(vectors), dtype=torch.int32)  # the step up to which a row has moved
        self._step = 0
        self._drift = torch.zeros(steps + 1)

    @classmethod
    def drawn(cls, count: int, dimensions: int, steps: int) -> "Table":
        """A table of chance, as torch's seed has it, for so many steps of teaching."""
        return cls(torch.randn(count, dimensions).mul_(_SPREAD), steps)

    def __len__(self) -> int:
        return len(self._vectors)

    def read(self, rows: Tensor) -> Tensor:
        """The vectors of different rows, (u, d), for gradients to be collected at."""
        self._settle(rows)
        return self._vectors[rows].requires_grad_()

    def teach(self, rows: Tensor, gradients: Tensor, rate: float) -> None:
        """Take one step by the gradients (u, d) of different rows (u,)."""
        self._settle(rows)  # nothing left to do but for rows that other processes read
        self._step += 1
        direction = self._direction[rows].lerp_(gradients, 1 - _MOMENTUM)
        square = self._square[rows].lerp_(gradients.square(), 1 - _MEMORY)
        # both moments begin at zero, and are too small for some steps
        rate *= math.sqrt(1 - _MEMORY**self._step) / (1 - _MOMENTUM**self._step)
        self._vectors[rows] -= rate * direction / (square.sqrt() + _EPSILON)
        self._direction[rows], self._square[rows], self._settled[rows] = direction, square, self._step
        first = max(self._step - _STANDS_AFTER, 0)
        ago = torch.arange(self._step - first, 0, -1)  # since the steps from `first` on
        self._drift[first : self._step] += rate * _SLOWING**ago

    def vectors(self, rows: slice) -> Tensor:
        """The vectors of these rows as they stand."""
        self._settle(torch.arange(len(self))[rows])
        return self._vectors[rows]

    def _settle(self, rows: Tensor) -> None:
        """Move rows on to where Adam would have them by now."""
        rows = rows[self._settled[rows] < self._step]
        since = self._settled[rows].long()
        direction, square = self._direction[rows], self._square[rows]
        self._vectors[rows] -= self._drift[since][:, None] * direction / (square.sqrt() + _EPSILON)
        away = (self._step - since)[:, None]
        self._direction[rows], self._square[rows] = direction * _MOMENTUM**away, square * _MEMORY**away
        self._settled[rows] = self._step
