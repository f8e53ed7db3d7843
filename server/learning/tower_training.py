"""Teaches the two towers by InfoNCE: a shopper's vector shall be nearer to what came next than to other products.

In-batch and uniform negatives with log-Q correction (Yi et al. 2019, "Sampling-bias-corrected neural modeling"); all
positions of a window at once (SASRec, Kang and McAuley 2018); the best epoch on validation cases is kept.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from server.events.histories import Histories
from server.learning import parting, tower_batches, tower_peers
from server.learning.cases import Cases
from server.learning.sampled_softmax import sampled_softmax
from server.learning.tower_batches import Batch, Sampler, Sequences
from server.learning.tower_judge import Judge
from server.learning.tower_table import Table
from server.learning.two_tower import Settings, Towers, TwoTower

_WARM_UP = 100  # steps
_CLIP = 5.0  # longest gradient
_ITEMS_AT_ONCE = 65_536
_FEWEST_WINDOWS = 16  # in a step
_MOST_TAUGHT = 3_600_000  # events times epochs: what a large shop gains by more is less than what it costs in minutes
_FEWEST_EPOCHS = 4

Progress = Callable[[int, int], None]


def train(
    histories: Histories,
    content: NDArray[np.floating],
    settings: Settings,
    validation: Cases | None = None,
    progress: Progress = lambda *_: None,
) -> TwoTower:
    """Teach both towers. `content` (n, t): unit vectors of the products' content, zero where there is none, of any
    float type, and mapped from a file where there are many.

    With `validation` the best epoch on its new products is kept, else the last one. The same data, settings and number
    of threads give the same model. `progress` is told the steps done and may raise to stop. In a process group every
    process gives the same data and gets the same towers, taught by all.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        return _Training(histories, content, settings, validation, progress).run()


class _Best(NamedTuple):
    quality: float
    items: NDArray[np.float32]
    weights: dict[str, NDArray[np.float32]]


class _Training:
    def __init__(
        self,
        histories: Histories,
        content: NDArray[np.floating],
        settings: Settings,
        validation: Cases | None,
        progress: Progress,
    ) -> None:
        self._settings, self._progress, self._content = settings, progress, content
        self._epochs = max(min(settings.epochs, _MOST_TAUGHT // max(len(histories), 1)), _FEWEST_EPOCHS)
        self._length = tower_batches.length_for(histories, settings)
        self._parting = parting.Parting(histories, settings.seed)
        sequences = self._windows()
        mean_length = float((sequences.stops - sequences.starts).mean()) if len(sequences) else 1.0
        size = int(min(max(settings.batch_events // mean_length, _FEWEST_WINDOWS), settings.batch))
        here = tower_peers.place()
        self._batch = max(size // here.size, 1)  # all processes together read in a step as much as one would
        self._steps = max(1, len(sequences) // (self._batch * here.size))
        shares = np.bincount(histories.rows, minlength=len(content)) / max(len(histories), 1)
        self._sampler = Sampler(sequences.shared(*here), shares, settings, settings.seed + here.rank)
        self._towers = Towers(content.shape[1], settings)
        total = self._steps * self._epochs
        self._own = Table.drawn(len(content), settings.dimensions, total)  # (n, d)
        torch.manual_seed(settings.seed + here.rank)  # equal weights to begin with, then chances of one's own
        self._optimizer = torch.optim.AdamW(
            self._towers.parameters(),
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: min(1, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / total))
        )
        self._judge = Judge(validation, self._length, settings.seed) if validation is not None else None

    def run(self) -> TwoTower:
        best: _Best | None = None
        for epoch in range(self._epochs):
            self._towers.train()
            if epoch and len(self._parting):
                self._sampler.renew(self._windows().shared(*tower_peers.place()))
            for number, batch in enumerate(self._sampler.epoch(self._batch, self._steps)):
                self._step(batch)
                self._progress(epoch * self._steps + number + 1, self._steps * self._epochs)
            if self._judge is None and epoch < self._epochs - 1:
                continue
            self._towers.eval()
            items = self._items()
            quality = self._judge.quality(self._towers, items) if self._judge is not None else 0.0
            if best is None or quality > best.quality:
                best = _Best(quality, items.numpy(), self._towers.weights())
        assert best is not None
        weights = best.weights | {"length": np.array([self._length], dtype=np.float32)}
        return TwoTower(best.items, weights, 1 / float(np.exp(best.weights["sharpness"])), best.quality)

    def _windows(self) -> Sequences:
        """What an epoch teaches."""
        return tower_batches.windows(self._parting.drawn(), self._length)

    def _step(self, batch: Batch) -> None:
        rows = torch.from_numpy(batch.items)
        own = self._own.read(rows)  # (u, d)
        loss = self._loss(batch, own)
        self._optimizer.zero_grad()
        loss.backward()
        assert own.grad is not None
        gradients = [parameter.grad for parameter in self._towers.parameters() if parameter.grad is not None]
        tower_peers.average(gradients)
        rows, of_rows = tower_peers.gathered(rows, own.grad)
        _clip([*gradients, of_rows])
        self._own.teach(rows, of_rows, float(self._schedule.get_last_lr()[0]))
        self._optimizer.step()
        self._schedule.step()

    def _loss(self, batch: Batch, own: Tensor) -> Tensor:
        """Sampled softmax over the batch's candidates, corrected for how likely each was to be one."""
        if self._settings.id_dropout:
            own = own * (torch.rand(len(own), 1) >= self._settings.id_dropout).float()
        vectors = self._towers.items(own, self._content_of(batch.items))  # (u, d)
        shoppers = self._towers.shoppers(vectors, batch.inputs)  # (q, d)
        log_chances, queries, wanted, weights = map(torch.from_numpy, batch[2:])
        candidates = vectors[: len(log_chances)]
        return sampled_softmax(shoppers * self._towers.scale, candidates, log_chances, queries, wanted, weights)

    @torch.inference_mode()
    def _items(self) -> Tensor:
        """The vectors of all products, (n, d)."""
        items = torch.empty(len(self._own), self._settings.dimensions)
        for at in range(0, len(items), _ITEMS_AT_ONCE):
            rows = slice(at, at + _ITEMS_AT_ONCE)
            items[rows] = self._towers.items(self._own.vectors(rows), self._content_of(rows))
        return items

    def _content_of(self, rows: NDArray[np.int64] | slice) -> Tensor:
        return torch.from_numpy(np.array(self._content[rows], dtype=np.float32))


def _clip(gradients: list[Tensor]) -> None:
    """Shorten the gradients, as one, to the longest allowed."""
    length = float(nn.utils.get_total_norm(gradients))
    if length > _CLIP:
        for gradient in gradients:
            gradient *= _CLIP / length
