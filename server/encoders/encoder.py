"""What an encoder is, and how one is loaded by its name."""

import importlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from server.encoders import ENCODERS
from server.settings import Settings

Vectors = NDArray[np.float32]


class EncoderError(RuntimeError):
    """An encoder cannot be loaded: a package or its weights are missing or wrong. The message says what to do."""


class Encoder(Protocol):
    """Turns texts, images or both into vectors. `name` changes whenever the vectors would."""

    name: str
    dimensions: int

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """(n, dimensions) float32, unit norm; NotImplementedError where the encoder reads no text."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """(n, dimensions) float32, unit norm, of RGB images; NotImplementedError where the encoder sees none."""
        ...


def load(name: str, settings: Settings) -> Encoder:
    """Load an encoder of the registry; takes up to a few seconds and belongs on a worker.

    Raises:
        EncoderError: something it needs is missing.

    """
    try:
        module = importlib.import_module(ENCODERS[name])
    except ImportError as error:
        raise EncoderError(
            f"The encoder {name} needs packages that are not installed. "
            "Install them: pip install 'vitrina-server[worker]'."
        ) from error
    return module.create(settings)
