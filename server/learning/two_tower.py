"""The contrastive two-tower model: products and shoppers as vectors of one space, compared by cosine.

The item tower adds what a product's content says to what its own events taught; the shopper tower is a small
transformer over the newest events. `tower_training.train` teaches both; serving runs the shopper tower without torch.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from numpy.typing import NDArray
from torch import Tensor, nn

from server.serving.tower import KINDS, REACH

_TEMPERATURE = 0.07  # to begin with, as in CLIP (Radford et al. 2021)
_SHARPEST = math.log(100.0)  # where CLIP stops the temperature from falling


class Settings(msgspec.Struct, frozen=True):
    """How a model is taught. The defaults were chosen on validation events of shops of 3,600 and 12,100 products."""

    dimensions: int = 64
    length: int = 20  # newest events that a shopper tower reads; more where many come at once, see `tower_batches`
    layers: int = 2
    heads: int = 2
    dropout: float = 0.4
    id_dropout: float = 0.0  # share of products that a batch knows by content alone, as new products are
    epochs: int = 14  # at most; fewer where a shop has many events, see `tower_training`
    batch: int = 256  # windows of shoppers, at most
    batch_events: int = 2_400  # in a step; long windows make many small steps of few windows, or too few are taken
    negatives: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    seed: int = 7
    threads: int = 1  # torch's threads spin against those of others on shared cores


class TwoTower(NamedTuple):
    """A trained model. `items` (n, d) float32 unit; `weights`: what `serving.tower` needs by name.

    `temperature` divides cosines before a softmax; `quality`: NDCG@10 on the validation cases, 0 without any.
    """

    items: NDArray[np.float32]
    weights: dict[str, NDArray[np.float32]]
    temperature: float
    quality: float


class Inputs(NamedTuple):
    """Windows as the shopper tower reads them, (b, t) each, padded at the end.

    `events` (i,) are the positions in b · t whose outputs are summed into a shopper's vector, `queries` (i,) into
    which of the `asked`.
    """

    rows: NDArray[np.int64]
    kinds: NDArray[np.int64]
    moments: NDArray[np.int64]
    real: NDArray[np.bool_]
    events: NDArray[np.int64]
    queries: NDArray[np.int64]
    asked: int


class ContentTower(nn.Module):
    """What content alone says of a product: g · MLP(content)."""

    def __init__(self, inputs: int, dimensions: int) -> None:
        super().__init__()
        self.inner = nn.Linear(inputs, 2 * dimensions)
        self.outer = nn.Linear(2 * dimensions, dimensions)
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, content: Tensor) -> Tensor:
        """(u, t) to (u, d), not normalised."""
        return self.gain * self.outer(F.gelu(self.inner(content), approximate="tanh"))


class ShopperTower(nn.Module):
    """A pre-norm transformer whose attention knows only how many moments lie between two events.

    So a shopper's tenth event is read as the last of ten, whatever came after: training on all positions at once meets
    just what serving asks for. Events of one moment see each other, and nothing later.
    """

    def __init__(self, dimensions: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.kinds = nn.Parameter(torch.zeros(len(KINDS) + 1, dimensions))
        self.entry = nn.LayerNorm(dimensions)
        self.layers = nn.ModuleList(_Layer(dimensions, heads, dropout) for _ in range(layers))
        self.exit = nn.LayerNorm(dimensions)
        self.dropout = dropout

    def forward(self, vectors: Tensor, kinds: Tensor, moments: Tensor, real: Tensor) -> Tensor:
        """(b, t, d) float32 vectors of events, their kinds, moments and whether they are no padding, to (b, t, d)."""
        hidden = self.entry(vectors) + F.embedding(kinds, self.kinds)
        if self.training:
            hidden = dropped(hidden, self.dropout)
        distances = moments[:, :, None] - moments[:, None, :]  # (b, t, t), from event to event before it
        hidden_from = (distances < 0) | ~real[:, None, :]
        distances = distances.clamp(0, REACH - 1)
        for layer in self.layers:
            hidden = layer(hidden, distances, hidden_from)
        return self.exit(hidden)


class _Layer(nn.Module):
    def __init__(self, dimensions: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_mix = nn.LayerNorm(dimensions)
        self.mix = nn.Linear(dimensions, 3 * dimensions)
        self.mixed = nn.Linear(dimensions, dimensions)
        self.nearness = nn.Parameter(torch.zeros(REACH, heads))
        self.before_inner = nn.LayerNorm(dimensions)
        self.inner = nn.Linear(dimensions, 2 * dimensions)
        self.outer = nn.Linear(2 * dimensions, dimensions)
        self.heads, self.dropout = heads, dropout

    def forward(self, hidden: Tensor, distances: Tensor, hidden_from: Tensor) -> Tensor:
        size, length, width = hidden.shape
        split = self.mix(self.before_mix(hidden)).view(size, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (b, h, t, d / h) each
        scores = query @ key.transpose(2, 3) / math.sqrt(width / self.heads)
        scores = scores + F.embedding(distances, self.nearness).permute(0, 3, 1, 2)
        shares = F.softmax(scores.masked_fill(hidden_from[:, None], -torch.inf), dim=3)  # (b, h, t, t)
        mixed = self._drop(shares) @ value
        hidden = hidden + self._drop(self.mixed(mixed.transpose(1, 2).reshape(size, length, width)))
        inner = F.gelu(self.inner(self.before_inner(hidden)), approximate="tanh")
        return hidden + self._drop(self.outer(self._drop(inner)))

    def _drop(self, values: Tensor) -> Tensor:
        return dropped(values, self.dropout) if self.training else values


def dropped(values: Tensor, share: float) -> Tensor:
    """Values of which a share (in 256ths) is 0, and the others larger by as much (dropout).

    One random number serves eight values: torch's own, which draws for each, takes four times as long.
    """
    lost = round(share * 256)
    words = torch.empty((values.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.uint8)[: values.numel()].view(values.shape) >= lost
    return values * (kept.to(values.dtype) * (256 / (256 - lost)))


class Towers(nn.Module):
    """Both towers and the temperature. The table of the products' own vectors is kept apart, as it can be huge."""

    def __init__(self, content: int, settings: Settings) -> None:
        super().__init__()
        self.content = ContentTower(content, settings.dimensions)
        self.shopper = ShopperTower(settings.dimensions, settings.layers, settings.heads, settings.dropout)
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / _TEMPERATURE)))

    @property
    def scale(self) -> Tensor:
        """What cosines are multiplied by."""
        return self.sharpness.clamp(max=_SHARPEST).exp()

    def items(self, own: Tensor, content: Tensor) -> Tensor:
        """Unit vectors (u, d) of products from their own vectors (u, d) and their content (u, t)."""
        return F.normalize(own + self.content(content), dim=1)

    def shoppers(self, vectors: Tensor, inputs: Inputs) -> Tensor:
        """The unit vectors (q, d) that the windows ask for; `vectors` (u, d) of the products that `rows` name."""
        rows, kinds, moments, real, events, queries = (torch.from_numpy(values) for values in inputs[:-1])
        hidden = self.shopper(F.embedding(rows, vectors), kinds, moments, real)  # (b, t, d)
        asked = hidden.reshape(-1, hidden.shape[2])[events]
        if len(asked) != inputs.asked:  # several events are one moment: their outputs are added up
            summed = torch.zeros(inputs.asked, asked.shape[1])
            asked = summed.index_add(0, queries, asked)
        return F.normalize(asked, dim=1)

    def take(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Have these weights, as `weights` gave them; others among them are passed over."""
        own = self.state_dict()
        self.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in own})

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Everything but the products' own vectors, by name."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self.state_dict().items()}
