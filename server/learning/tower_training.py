"""Teaches the two towers by InfoNCE: a shopper's vector shall be nearer to what came next than to other products.

In-batch and uniform negatives with log-Q correction (Yi et al. 2019, "Sampling-bias-corrected neural modeling"); all
positions of a window at once (SASRec, Kang and McAuley 2018); the best epoch on validation cases is kept.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from numpy.typing import NDArray
from torch import Tensor, nn

from server.events.histories import Histories
from server.learning import tower_batches
from server.learning.cases import Cases
from server.learning.tower_batches import Batch, Inputs, Sampler
from server.learning.two_tower import Settings, Towers, TwoTower

_WARM_UP = 100  # steps
_CLIP = 5.0  # longest gradient
_SPREAD = 0.02  # of the products' own vectors at the start
_MOST_CASES = 3_000
_TOP = 10
_ITEMS_AT_ONCE = 65_536
_CASES_AT_ONCE = 256
_MOST_TAUGHT = 3_600_000  # events times epochs: what a large shop gains by more is less than what it costs in minutes
_FEWEST_EPOCHS = 4
_AFRESH = 4  # towers that go on from others are taught so many times fewer epochs, at so many times smaller steps

Progress = Callable[[int, int], None]


def train(
    histories: Histories,
    content: NDArray[np.float32],
    settings: Settings,
    validation: Cases | None = None,
    progress: Progress = lambda *_: None,
    start: TwoTower | None = None,
) -> TwoTower:
    """Teach both towers. `content` (n, t): unit vectors of the products' content, zero where there is none; `start`:
    towers of the same products to go on from, which takes a quarter of the time.

    With `validation` the best epoch on its new products is kept, else the last one. The same data, settings and number
    of threads give the same model. `progress` is told the steps done and may raise to stop.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        return _Training(histories, content, settings, validation, progress, start).run()


class _Best(NamedTuple):
    quality: float
    items: NDArray[np.float32]
    own: NDArray[np.float32]
    weights: dict[str, NDArray[np.float32]]


class _Training:
    def __init__(
        self,
        histories: Histories,
        content: NDArray[np.float32],
        settings: Settings,
        validation: Cases | None,
        progress: Progress,
        start: TwoTower | None,
    ) -> None:
        self._settings, self._progress = settings, progress
        self._epochs = max(min(settings.epochs, _MOST_TAUGHT // max(len(histories), 1)), _FEWEST_EPOCHS)
        rate = settings.learning_rate
        if start is not None:
            self._epochs, rate = -(-self._epochs // _AFRESH), rate / _AFRESH
        self._length = tower_batches.length_for(histories, settings)
        sequences = tower_batches.windows(histories, self._length)
        mean_length = float((sequences.stops - sequences.starts).mean()) if len(sequences) else 1.0
        self._batch = int(min(max(settings.batch_events // mean_length, 16), settings.batch))
        self._steps = max(1, len(sequences) // self._batch)
        shares = np.bincount(histories.rows, minlength=len(content)) / max(len(histories), 1)
        self._sampler = Sampler(sequences, shares, settings, settings.seed)
        self._content = torch.from_numpy(np.ascontiguousarray(content, dtype=np.float32))  # (n, t)
        self._towers = Towers(content.shape[1], settings)
        self._own = nn.Parameter(torch.randn(len(content), settings.dimensions) * _SPREAD)  # (n, d)
        if start is not None:
            self._towers.take(start.weights)
            self._own.data.copy_(torch.from_numpy(start.own))
        self._parameters = [*self._towers.parameters(), self._own]
        self._optimizer = torch.optim.AdamW(
            self._parameters,
            lr=rate,
            betas=(0.9, 0.98),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        total = self._steps * self._epochs
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: min(1, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / total))
        )
        self._judge = _Judge(validation, self._length, settings.seed) if validation is not None else None

    def run(self) -> TwoTower:
        best: _Best | None = None
        for epoch in range(self._epochs):
            self._towers.train()
            for number, batch in enumerate(self._sampler.epoch(self._batch, self._steps)):
                self._step(batch)
                self._progress(epoch * self._steps + number + 1, self._steps * self._epochs)
            self._towers.eval()
            items = self._items()
            quality = self._judge.quality(self._towers, items) if self._judge is not None else 0.0
            if best is None or self._judge is None or quality > best.quality:
                best = _Best(quality, items.numpy().copy(), self._own.detach().numpy().copy(), self._towers.weights())
        assert best is not None
        weights = best.weights | {"length": np.array([self._length], dtype=np.float32)}
        return TwoTower(best.items, best.own, weights, 1 / float(np.exp(best.weights["sharpness"])), best.quality)

    def _step(self, batch: Batch) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._settings.precision == "bfloat16"):
            loss = self._loss(batch)
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, _CLIP)
        self._optimizer.step()
        self._schedule.step()

    def _loss(self, batch: Batch) -> Tensor:
        """Sampled softmax over the batch's candidates, corrected for how likely each was to be one."""
        chosen = torch.from_numpy(batch.items)
        own = F.embedding(chosen, self._own)  # (u, d)
        if self._settings.id_dropout:
            own = own * (torch.rand(len(chosen), 1) >= self._settings.id_dropout).float()
        vectors = self._towers.items(own, self._content[chosen])
        shoppers = shopper_vectors(self._towers, vectors, batch.inputs)  # (q, d)
        logits = (shoppers * self._towers.scale) @ vectors[: len(batch.log_chances)].T  # (q, c)
        logits = logits.float() - torch.from_numpy(batch.log_chances)
        queries, wanted = torch.from_numpy(batch.pair_queries), torch.from_numpy(batch.pair_candidates)
        weights = torch.from_numpy(batch.pair_weights)
        return (weights * (logits.logsumexp(1)[queries] - logits[queries, wanted])).sum() / weights.sum()

    def _items(self) -> Tensor:
        """The vectors of all products, (n, d)."""
        starts = range(0, len(self._own), _ITEMS_AT_ONCE)
        with torch.inference_mode():
            parts = [
                self._towers.items(self._own[at : at + _ITEMS_AT_ONCE], self._content[at : at + _ITEMS_AT_ONCE])
                for at in starts
            ]
            return torch.cat(parts)


def shopper_vectors(towers: Towers, vectors: Tensor, inputs: Inputs) -> Tensor:
    """The unit vectors (q, d) that the windows ask for; `vectors` (u, d) of the products that `inputs.rows` name."""
    events = F.embedding(torch.from_numpy(inputs.rows), vectors)  # (b, t, d)
    hidden = towers.shopper(
        events, torch.from_numpy(inputs.kinds), torch.from_numpy(inputs.moments), torch.from_numpy(inputs.real)
    )
    asked = hidden.reshape(-1, hidden.shape[2])[torch.from_numpy(inputs.events)]
    if len(asked) != inputs.asked:  # several events are one moment: their outputs are added up
        summed = torch.zeros(inputs.asked, asked.shape[1])
        asked = summed.index_add(0, torch.from_numpy(inputs.queries), asked.float())
    return F.normalize(asked, dim=1)


class _Judge:
    """NDCG@10 of new products on a sample of the validation cases."""

    def __init__(self, validation: Cases, length: int, seed: int) -> None:
        cases = validation.new_only()
        if len(cases) > _MOST_CASES:
            cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), _MOST_CASES, replace=False)))
        self._cases = cases
        self._sequences = tower_batches.sequences_of(cases.pasts, length) if len(cases) else None

    def quality(self, towers: Towers, items: Tensor) -> float:
        if self._sequences is None:
            return 0.0
        discounts = 1 / np.log2(np.arange(2, _TOP + 2))
        total = 0.0
        with torch.inference_mode():
            for start in range(0, len(self._cases), _CASES_AT_ONCE):
                chosen = np.arange(start, min(start + _CASES_AT_ONCE, len(self._cases)))
                inputs = tower_batches.newest(self._sequences, chosen)
                scores = (shopper_vectors(towers, items, inputs) @ items.T).numpy()  # (b, n)
                for at, case in enumerate(chosen.tolist()):
                    scores[at, self._cases.known[case]] = -np.inf
                top = np.argpartition(-scores, _TOP, axis=1)[:, :_TOP] if scores.shape[1] > _TOP else None
                for at, case in enumerate(chosen.tolist()):
                    best = top[at] if top is not None else np.arange(scores.shape[1])
                    best = best[np.argsort(-scores[at, best], kind="stable")]
                    targets = self._cases.targets[case]
                    hits = np.isin(best, targets)
                    total += float(hits @ discounts[: len(hits)]) / float(discounts[: min(_TOP, len(targets))].sum())
        return total / len(self._cases)
