"""What the towers are worth while they are taught: NDCG@10 of new products on a sample of the validation cases."""

import numpy as np
import torch
from torch import Tensor

from server.learning import tower_batches, tower_peers
from server.learning.cases import Cases
from server.learning.two_tower import Towers

_MOST_CASES = 3_000
_TOP = 10
_SCORES_AT_ONCE = 1 << 23  # 32 MB
_CASES_AT_ONCE = 256


class Judge:
    """The sample, drawn once, so that epochs are compared by the same cases. Processes of a group share them."""

    def __init__(self, validation: Cases, length: int, seed: int) -> None:
        cases = validation.new_only()
        if len(cases) > _MOST_CASES:
            cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), _MOST_CASES, replace=False)))
        here = tower_peers.place()
        self._cases = cases.take(np.arange(here.rank, len(cases), here.size))
        self._sequences = tower_batches.sequences_of(self._cases.pasts, length) if len(self._cases) else None

    @torch.inference_mode()
    def quality(self, towers: Towers, items: Tensor) -> float:
        """The mean NDCG@10 over the sample, 0 without cases; `items` (n, d) are the products' vectors."""
        at_once = min(max(_SCORES_AT_ONCE // max(len(items), 1), 1), _CASES_AT_ONCE)
        found = torch.zeros(2, dtype=torch.float64)  # the sum, and of how many
        for start in range(0, len(self._cases), at_once):
            chosen = np.arange(start, min(start + at_once, len(self._cases)))
            found[0] += self._ndcg(towers, items, chosen)
            found[1] += len(chosen)
        of_all = tower_peers.total(found)
        return float(of_all[0] / of_all[1].clamp(min=1))

    def _ndcg(self, towers: Towers, items: Tensor, chosen: np.ndarray) -> float:
        assert self._sequences is not None
        scores = towers.shoppers(items, tower_batches.newest(self._sequences, chosen)) @ items.T  # (b, n)
        for at, case in enumerate(chosen.tolist()):
            scores[at, torch.from_numpy(self._cases.known[case]).long()] = -torch.inf
        top = scores.topk(min(_TOP, scores.shape[1])).indices.numpy()  # best first
        discounts = 1 / np.log2(np.arange(2, _TOP + 2))
        total = 0.0
        for best, case in zip(top, chosen.tolist(), strict=True):
            targets = self._cases.targets[case]
            hits = np.isin(best, targets)
            total += float(hits @ discounts[: len(hits)]) / float(discounts[: min(_TOP, len(targets))].sum())
        return total
