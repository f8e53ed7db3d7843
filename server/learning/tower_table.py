"""The products' own vectors while they are taught: a step touches only the rows that its batch reads.

So a catalog of a million products costs a step no more than one of a thousand.
"""

import torch
from torch import Tensor

_SPREAD = 0.02  # of the vectors at the start
_MOMENTUM, _MEMORY = 0.9, 0.98  # Adam's β₁ and β₂, as the rest of the towers has them
_EPSILON = 1e-8
_LONGEST = 400  # steps after which a row's moments are as good as forgotten: 0.98⁴⁰⁰ < 0.001


class Table:
    """Vectors (n, d) taught by Adam (Kingma and Ba 2015), with one second moment a row as in FBGEMM's row-wise Adam.

    What a row's moments would have faded by in the steps without it is made up for when it comes again.
    """

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors
        self._direction = torch.zeros_like(vectors)
        self._square = torch.zeros(len(vectors))
        self._touched = torch.zeros(len(vectors), dtype=torch.int32)  # the last step that did
        self._step = 0

    @classmethod
    def drawn(cls, count: int, dimensions: int) -> "Table":
        """A table of chance, as torch's seed has it."""
        return cls(torch.randn(count, dimensions).mul_(_SPREAD))

    def rows(self, chosen: Tensor) -> Tensor:
        """The vectors of some rows, (u, d), for gradients to be collected at."""
        return self.vectors[chosen].requires_grad_()

    def teach(self, chosen: Tensor, gradients: Tensor, rate: float) -> None:
        """Take one step: `chosen` (u,) are different rows, `gradients` (u, d) theirs."""
        self._step += 1
        away = (self._step - self._touched[chosen]).clamp_(max=_LONGEST)
        self._touched[chosen] = self._step
        direction = self._direction[chosen] * (_MOMENTUM**away)[:, None] + (1 - _MOMENTUM) * gradients
        square = self._square[chosen] * _MEMORY**away + (1 - _MEMORY) * gradients.square().mean(dim=1)
        self._direction[chosen], self._square[chosen] = direction, square
        steps = min(self._step, _LONGEST)
        size = (square / (1 - _MEMORY**steps)).sqrt_().add_(_EPSILON)
        self.vectors[chosen] -= rate / (1 - _MOMENTUM**steps) * direction / size[:, None]
