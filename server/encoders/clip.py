"""`clip`: texts and images in one space, by a CLIP checkpoint from a local folder or the hub's cache (transformers)."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit
from PIL import Image, ImageOps
from safetensors import SafetensorError
from transformers import CLIPModel, CLIPTokenizer

from server.encoders import checkpoint
from server.encoders.encoder import EncoderError, Vectors
from server.encoders.processor import bounded_threads, has_bfloat16
from server.settings import Settings

_TEXTS, _IMAGES = 64, 16  # a batch; larger ones are no faster on a processor
_MEAN, _DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's own


class ClipEncoder:
    """A CLIP model that encodes texts of up to 77 tokens, and images."""

    def __init__(self, folder: Path) -> None:
        bounded_threads()
        self.name = f"clip-1-{identity(folder)}"
        dtype = torch.bfloat16 if has_bfloat16() else torch.float32
        found: Any = CLIPModel.from_pretrained(folder, local_files_only=True, dtype=dtype, output_loading_info=True)
        model, report = found
        if model.config.model_type != "clip" or report["missing_keys"]:
            raise ValueError("weights are missing")  # transformers would go on with random ones
        self._model = model.eval()
        self._tokenizer: Any = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        self._longest: int = model.config.text_config.max_position_embeddings
        self._side: int = model.config.vision_config.image_size
        self.dimensions: int = model.config.projection_dim
        self._mean, self._deviation = _normalisation(folder)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """The vectors of `texts`, (n, dimensions) float32, unit norm."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS):
            batch = list(texts[start : start + _TEXTS])
            tokens = self._tokenizer(
                batch, padding=True, truncation=True, max_length=self._longest, return_tensors="pt"
            )
            with torch.inference_mode():
                found = self._model.get_text_features(tokens["input_ids"], attention_mask=tokens["attention_mask"])
            vectors[start : start + len(batch)] = _unit(found)
        return vectors

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """The vectors of RGB images, (n, dimensions) float32, unit norm."""
        vectors = np.empty((len(images), self.dimensions), dtype=np.float32)
        for start in range(0, len(images), _IMAGES):
            batch = images[start : start + _IMAGES]
            pixels = torch.from_numpy(np.stack([self._pixels(image) for image in batch]))  # (B, 3, side, side)
            with torch.inference_mode():
                found = self._model.get_image_features(pixels.to(self._model.dtype))
            vectors[start : start + len(batch)] = _unit(found)
        return vectors

    def _pixels(self, image: Image.Image) -> Vectors:
        """(3, side, side) float32. The picture is fitted into a white square: CLIP's usual crop of the middle would
        cut off the ends of a tall or wide product.
        """
        fitted = ImageOps.pad(image, (self._side, self._side), Image.Resampling.BICUBIC, color=(255, 255, 255))
        values = (np.asarray(fitted, dtype=np.float32) / 255 - self._mean) / self._deviation  # (side, side, 3)
        return values.transpose(2, 0, 1).astype(np.float32)


def create(settings: Settings) -> ClipEncoder:
    """Load the checkpoint; it must be on this machine already.

    Raises:
        EncoderError: it is not, or it is not one of CLIP's.

    """
    folder = checkpoint.find(settings)
    name = checkpoint.name_of(settings)
    if folder is None:
        raise EncoderError(
            f"{name} holds no CLIP checkpoint. Let VITRINA_CLIP name a folder with config.json, a tokenizer and "
            "weights, or set VITRINA_ENCODER=auto."
        )
    try:
        return ClipEncoder(folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, SafetensorError) as error:
        raise EncoderError(f"{name} cannot be loaded as a CLIP checkpoint ({type(error).__name__}).") from error


def identity(folder: Path) -> str:
    """Twelve letters that change with the checkpoint: its configuration and the size of its weights."""
    weights = next(folder / name for name in checkpoint.WEIGHTS if (folder / name).is_file())
    seal = blake2b((folder / "config.json").read_bytes(), digest_size=6)
    with weights.open("rb") as file:
        seal.update(file.read(65_536))
        seal.update(str(weights.stat().st_size).encode())
    return seal.hexdigest()


def _normalisation(folder: Path) -> tuple[Vectors, Vectors]:
    try:
        values = json.loads((folder / "preprocessor_config.json").read_text())
    except (OSError, ValueError):
        values = {}
    mean, deviation = values.get("image_mean", _MEAN), values.get("image_std", _DEVIATION)
    return np.array(mean, dtype=np.float32), np.array(deviation, dtype=np.float32)


def _unit(found: Any) -> Vectors:
    # transformers 5 answers with an object, earlier versions with the tensor itself
    features = found if isinstance(found, torch.Tensor) else found.pooler_output
    return F.normalize(features.float(), dim=1).numpy()
